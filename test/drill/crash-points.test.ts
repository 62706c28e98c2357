import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { CRASH_POINTS, type CrashPoint } from '../../src/core/crash-point.ts'
import type { FeishuSupervisorOptions } from '../../src/index.ts'
import type { HistoryEntry } from '../../src/simulator/history/history.ts'
import type { SimulatorClient } from '../../src/simulator/control/client.ts'
import { type LaunchedSimulator, launchSimulator } from '../../src/simulator/launch.ts'
import { judge } from '../support/judge.ts'
import { firstEntry } from '../support/first-entry.ts'
import { providePostgres } from '../support/postgres.ts'
import { HostProcess } from '../support/host-process.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const APP = { appId: 'cli_00000000000000d1', appSecret: 'fake-secret-d', name: 'Dee' }
const CHATS = ['oc_1', 'oc_2', 'oc_3'].map((chatId) => ({ appId: APP.appId, chatId }))
/** Few, so that most are acknowledged before the process dies: what is not waits for the platform's next push. */
const MESSAGES = 4

/** Passed only where a card is answered: everything else of a press is as for a message. */
const ANSWERS = ['answer.before', 'answer.after'] as const satisfies readonly CrashPoint[]
/** Passed only while keys are rotated. */
const ROTATION: CrashPoint = 'rotate.row'
/** Passed only at a stop. */
const STOP: CrashPoint = 'drain.after'
const SPECIAL: readonly CrashPoint[] = [...ANSWERS, ROTATION, STOP]
const OTHERS = CRASH_POINTS.filter((point) => !SPECIAL.includes(point))

const postgres = await providePostgres()
afterAll(async () => {
  if ('drop' in postgres) await postgres.drop()
})

describe.each([
  { store: 'pglite', isThere: true },
  { store: 'postgres', isThere: 'url' in postgres },
])('a process that dies on $store', { timeout: 90_000 }, ({ store, isThere }) => {
  let folder: string
  let simulator: LaunchedSimulator
  let options: FeishuSupervisorOptions
  let sent = 0
  const hosts: HostProcess[] = []

  const start = async (crash?: { at: CrashPoint; nth: number }): Promise<HostProcess> => {
    const host = new HostProcess(ROOT, options, crash === undefined ? {} : { crash })
    hosts.push(host)
    await host.ready
    return host
  }

  /** Every message has its reply and is acknowledged: one that is pushed again may have its reply before. */
  const allSettled = (): Promise<HistoryEntry> => {
    const replied = new Set<string>()
    const acked = new Set<string>()
    return firstEntry(simulator.client, (entry) => {
      if (entry.kind === 'message_created' && entry.replyTo !== undefined) replied.add(entry.replyTo)
      if (entry.kind === 'acked' && entry.code === 200) acked.add(entry.messageId)
      return replied.size === sent && [...replied].every((messageId) => acked.has(messageId))
    })
  }

  beforeAll(async () => {
    if (!isThere) return
    folder = await mkdtemp(join(tmpdir(), 'feishu-supervisor-drill-'))
    // What is not acknowledged is pushed again after 0.02 s, 0.5 s, 5 s and 30 s: the successor is there for the third.
    simulator = await launchSimulator({ timeScale: 0.0015, ackDeadlineMs: 1_000, apps: [APP] })
    const backoff = { firstMs: 50, maxMs: 500 }
    options = {
      dataDir: folder,
      ...(store === 'postgres' && 'url' in postgres ? { databaseUrl: postgres.url } : {}),
      handler: join(ROOT, 'test/drill/handler.mjs'),
      connection: { backoff },
      messages: { backoff, replyBackoff: backoff, leaseMs: 1_000 },
    }
    const host = await start()
    await host.order('addBot', { ...APP, domain: simulator.url })
    await host.order('stop')
    await host.kill()
  })

  afterEach(async () => {
    for (const host of hosts.splice(0)) await host.kill()
  })

  afterAll(async () => {
    if (!isThere) return
    await simulator.stop()
    await rm(folder, { recursive: true, force: true })
  })

  it.skipIf(!isThere).each(OTHERS)('at %s loses, doubles and reorders nothing', async (at) => {
    const doomed = await start({ at, nth: 1 })
    await simulator.client.startTraffic({ chats: CHATS, count: MESSAGES, perSecond: 100, textPrefix: at })
    sent += MESSAGES
    await doomed.exited
    expect(doomed.signalCode).toBe('SIGKILL')

    const successor = await start()
    await allSettled()
    const { complaints, ...figures } = judge(await simulator.client.history(), [])
    expect(complaints).toEqual([])
    expect(figures).toMatchObject({ accepted: sent, replied: sent, lost: 0, duplicated: 0, reordered: 0 })
    await successor.order('stop')
    expect(await unfinished(simulator.client, at)).toEqual([])
  })

  it.skipIf(!isThere)(`at ${STOP} loses, doubles and reorders nothing, and counts no death`, async () => {
    const doomed = await start({ at: STOP, nth: 1 })
    await simulator.client.startTraffic({ chats: CHATS, count: MESSAGES, perSecond: 100, textPrefix: 'slow' })
    sent += MESSAGES
    let running = 0
    for (let tries = 0; running < CHATS.length && tries < 1_000; tries++)
      running = (await doomed.order('status')).pool.busy
    expect(running).toBe(CHATS.length)
    doomed.order('stop').catch(() => {})
    await doomed.exited
    expect(doomed.signalCode).toBe('SIGKILL')

    const successor = await start()
    await allSettled()
    const { complaints, ...figures } = judge(await simulator.client.history(), [])
    expect(complaints).toEqual([])
    expect(figures).toMatchObject({ accepted: sent, replied: sent, lost: 0, duplicated: 0, reordered: 0 })
    const messages = await successor.order('messages')
    expect(messages).toMatchObject(messages.map(() => ({ state: 'completed', attempt: 1, deaths: 0 })))
    await successor.order('stop')
  })

  it.skipIf(!isThere).each(ANSWERS)('at %s answers a press on a card once', async (at) => {
    const before = (await simulator.client.history()).at(-1)?.seq
    const doomed = await start({ at, nth: 1 })
    await firstEntry(simulator.client, ({ kind }) => kind === 'connection_ready', before)
    const { appId } = APP
    // Feishu does not ask again; whether the answer still arrived is not what matters here.
    void simulator.client.clickCard({ appId, chatId: 'oc_1', value: { name: at } }).catch(() => {})
    await doomed.exited
    expect(doomed.signalCode).toBe('SIGKILL')

    const isReply = (entry: HistoryEntry): boolean =>
      entry.kind === 'message_created' && entry.content.includes(`pressed: ${at}`)
    const successor = await start()
    await firstEntry(simulator.client, isReply)
    await successor.order('stop')
    expect((await simulator.client.history()).filter(isReply)).toHaveLength(1)
  })
})

/** Answers to messages of this crash point that streamed and were not brought to their end. */
async function unfinished(client: SimulatorClient, text: string): Promise<readonly string[]> {
  const shown = new Map<string, string>()
  for (const entry of await client.history()) {
    if (entry.kind !== 'message_created' && entry.kind !== 'message_updated') continue
    if (entry.content.includes('streaming_mode')) shown.set(entry.messageId, entry.content)
  }
  const answers = [...shown.values()].filter((content) => content.includes(`re: ${text}`))
  if (text.startsWith('stream') && answers.length !== MESSAGES) return [`${answers.length} answers`]
  return answers.filter((content) => !/\."/.test(content) || !content.includes('"streaming_mode":false'))
}
