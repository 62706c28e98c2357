import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CRASH_POINTS, type CrashPoint } from '../../src/core/crash-point.ts'
import type { FeishuSupervisorOptions } from '../../src/index.ts'
import { type LaunchedSimulator, launchSimulator } from '../../src/simulator/launch.ts'
import { judge } from '../chaos/judge.ts'
import { providePostgres } from '../support/postgres.ts'
import { HostProcess } from './host-process.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const APP = { appId: 'cli_00000000000000d1', appSecret: 'fake-secret-d', name: 'Dee' }
const CHATS = ['oc_1', 'oc_2', 'oc_3'].map((chatId) => ({ appId: APP.appId, chatId }))
/** Few, so that most are acknowledged before the process dies: what is not waits for the platform's next push. */
const MESSAGES = 4

const postgres = await providePostgres()
afterAll(async () => {
  if ('drop' in postgres) await postgres.drop()
})

describe.each([
  { store: 'pglite', isThere: true },
  { store: 'postgres', isThere: 'url' in postgres },
])('a process that dies on $store', ({ store, isThere }) => {
  let folder: string
  let simulator: LaunchedSimulator
  let options: FeishuSupervisorOptions
  let answered = 0
  const hosts: HostProcess[] = []

  const start = async (crash?: { at: CrashPoint; nth: number }): Promise<HostProcess> => {
    const host = new HostProcess(ROOT, options, crash === undefined ? {} : { crash })
    hosts.push(host)
    await host.ready
    return host
  }

  beforeAll(async () => {
    if (!isThere) return
    folder = await mkdtemp(join(tmpdir(), 'feishu-supervisor-drill-'))
    simulator = await launchSimulator({ timeScale: 0.012, ackDeadlineMs: 1_000, apps: [APP] })
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

  afterAll(async () => {
    for (const host of hosts) await host.kill()
    if (!isThere) return
    await simulator.stop()
    await rm(folder, { recursive: true, force: true })
  })

  it.skipIf(!isThere).each(CRASH_POINTS)(
    'at %s loses, doubles and reorders nothing',
    { timeout: 90_000 },
    async (at) => {
      const doomed = await start({ at, nth: 1 })
      await simulator.client.startTraffic({ chats: CHATS, count: MESSAGES, perSecond: 100, textPrefix: at })
      await doomed.exited
      expect(doomed.signalCode).toBe('SIGKILL')

      const successor = await start()
      answered += MESSAGES
      await simulator.client.waitForReplies({ count: answered, timeoutMs: 60_000 })
      const { complaints, ...figures } = judge(await simulator.client.history(), [])
      expect(complaints).toEqual([])
      expect(figures).toMatchObject({ replied: answered, lost: 0, duplicated: 0, reordered: 0 })
      await successor.order('stop')
      await successor.kill()
    },
  )
})
