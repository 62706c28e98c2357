import { readFileSync } from 'node:fs'
import { afterEach, expect, it } from 'vitest'
import { checkHistory } from '../../src/simulator/history/check-history.ts'
import type { SimulatorClient } from '../../src/simulator/control/client.ts'
import { judge } from '../support/judge.ts'
import { firstEntry } from '../support/first-entry.ts'
import { postgresOfFile } from '../support/postgres-of-file.ts'
import { ADA, Cleanups } from '../support/system.ts'
import { StatementProxy } from './statement-proxy.ts'
import {
  CLEAN,
  connectAdmin,
  entriesOf,
  freshDatabase,
  openSimulator,
  Stage,
  startHost,
  unsavedAcks,
} from './support.ts'

const cleanups = new Cleanups()
afterEach(cleanups.run)

const { postgres, describePostgres } = await postgresOfFile()

describePostgres('O1: more events than can be stored', { timeout: 90_000 }, () => {
  it('are refused beyond the credit window, and accepted later; memory stays bounded', async () => {
    const creditWindow = 512
    const databaseUrl = await freshDatabase(cleanups, postgres.url)
    const { proxy, url } = await StatementProxy.before(databaseUrl)
    cleanups.add(() => proxy.stop())
    const simulator = await openSimulator(cleanups, { timeScale: 0.001, ackDeadlineMs: 10_000 })
    const { client } = simulator
    const host = await startHost(cleanups, {
      databaseUrl: url,
      dataDir: await cleanups.dataDir(),
      connection: { creditWindow, acceptTimeoutMs: 2_900 },
    })
    await host.order('addBot', { ...ADA, domain: simulator.url })
    const flood = (count: number, perSecond: number): Promise<unknown> =>
      client.startTraffic({ chats: CHATS, count, perSecond, textPrefix: 'silent' })
    await flood(1, 1)
    await answers(client, 1, 200)
    const quietMb = peakMemoryMb(host.pid)

    // Nothing is stored now: as many as there are credits wait, all others are refused.
    const held = proxy.fail('feishu_accept', { kind: 'hold' })
    const tooMany = creditWindow + 300
    await flood(tooMany, 5_000)
    await held
    await answers(client, 300, 500)
    const history = await client.history()
    const answered = new Set(entriesOf(history, 'acked').map(({ messageId }) => messageId))
    expect(new Set(entriesOf(history, 'pushed').map(({ messageId }) => messageId)).size - answered.size).toBe(
      creditWindow,
    )
    expect(entriesOf(history, 'acked').filter(({ code }) => code === 200)).toHaveLength(1)
    proxy.release()
    await answers(client, 1 + tooMany, 200)

    await flood(5_000, 5_000)
    await answers(client, 1 + tooMany + 5_000, 200)
    const admin = await connectAdmin(cleanups, databaseUrl)
    expect(await unsavedAcks(await client.history(), admin)).toEqual([])
    const { rows } = await admin.query('select count(*)::int as stored from feishu_inbox')
    expect(rows).toEqual([{ stored: 1 + tooMany + 5_000 }])
    expect(peakMemoryMb(host.pid) - quietMb).toBeLessThan(300)
  })
})

describePostgres('O2: a chat whose messages take long', { timeout: 60_000 }, () => {
  it('is answered in order, one at a time, and delays no other chat', async () => {
    const databaseUrl = await freshDatabase(cleanups, postgres.url)
    const stage = await Stage.open(cleanups, { databaseUrl, messages: { threads: 4 } })
    for (let index = 0; index < 6; index += 1) await stage.say(`slow ${index}`, 'oc_slow')
    await stage.flood('others', 100, 25, 50)
    const history = await stage.allAnswered(40_000)
    expect(judge(history, (await stage.supervisor.listDeadLetters()).items)).toMatchObject(CLEAN)

    const slow = entriesOf(history, 'message_created').filter(({ chatId }) => chatId === 'oc_slow')
    const gapsMs = slow.slice(1).map(({ at }, index) => at - (slow[index]?.at ?? 0))
    expect(Math.min(...gapsMs)).toBeGreaterThan(750)
    const others = history.filter((entry) => entry.kind !== 'sent' || entry.chatId !== 'oc_slow')
    const { replied, p99Ms } = checkHistory(others)
    expect(replied).toBe(100)
    expect(p99Ms).toBeLessThan(2_000)
  })
})

const CHATS = Array.from({ length: 50 }, (_, index) => ({ appId: ADA.appId, chatId: `oc_${index}` }))

/** Resolves when so many messages were acknowledged with this code. */
async function answers(client: SimulatorClient, count: number, wanted: number): Promise<void> {
  const messages = new Set<string>()
  await firstEntry(client, (entry) => {
    if (entry.kind === 'acked' && entry.code === wanted) messages.add(entry.messageId)
    return messages.size === count
  })
}

/** The most memory a process ever had; 0 where the system does not tell. */
function peakMemoryMb(pid: number): number {
  if (process.platform !== 'linux') return 0
  const kilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kilobytes) / 1024
}
