import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { SupervisorThread } from '../../src/app/supervisor-thread.ts'
import type { ChildStatus } from '../../src/core/lifecycle/child-status.ts'
import { type Clock, systemClock } from '../../src/core/time/clock.ts'
import { resolveOptions } from '../../src/options/options.ts'
import type { SupervisorBoot } from '../../src/protocol/host.ts'
import { Recorder } from '../support/recorder.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { closeLater } from '../support/simulator.ts'

const COMLINK = createRequire(import.meta.url).resolve('comlink')

/** What the fixture does when it is started; `answers` runs inside the thread. */
type Behaviour = 'fine' | 'refuses' | 'throws' | 'exits' | 'second refuses' | 'hangs at stop' | 'blocks at stop'

/** A supervisor thread without bots or a database: listBots answers with what it was given. */
const FIXTURE = `
const { parentPort, workerData } = require('node:worker_threads')
const { execFileSync } = require('node:child_process')
const { expose } = require(${JSON.stringify(COMLINK)})
const { options, controlPort, ...boot } = workerData
const behaviour = options.masterKey
const refusal = { ok: false, error: { code: 'DATA_DIR_IN_USE', message: 'taken', retryable: false } }
if (behaviour === 'throws') throw new Error('broken at import')
if (behaviour === 'exits') process.exit(0)
expose({
  start: async () => {
    const refuses = behaviour === 'refuses' || (behaviour === 'second refuses' && boot.supersedes !== undefined)
    return refuses ? refusal : { ok: true, value: undefined }
  },
  stop: async () => {
    if (behaviour === 'hangs at stop') await new Promise(() => {})
    if (behaviour === 'blocks at stop') execFileSync(process.execPath, ['-e', 'setTimeout(() => {}, 3000)'])
  },
  listDeadLetters: async () => {
    for (;;);
  },
  listBots: async () => ({ ok: true, value: [{ ...boot, env: { ...process.env } }] }),
}, controlPort)
parentPort.postMessage([{ kind: 'log', event: { at: 0, level: 'info', scope: 'fixture', message: 'here', fields: {} } }])
`

async function create(behaviour: Behaviour, clock: Clock = systemClock, entry?: string) {
  const folder = await mkdtemp(join(tmpdir(), 'feishu-supervisor-thread-'))
  const supervisorWorker = entry ?? join(folder, 'main.cjs')
  if (entry === undefined) await writeFile(supervisorWorker, FIXTURE)
  const statuses = new Recorder<ChildStatus>()
  const signals = new Recorder<string>()
  const reports = new Recorder<string>()
  const thread = new SupervisorThread({
    options: {
      ...resolveOptions({
        supervision: { backoff: { firstMs: 10, maxMs: 20 }, heartbeatMs: 50, hangAfterMs: 500 },
      }).thread,
      masterKey: behaviour,
    },
    paths: {
      supervisorWorker,
      botWorker: '',
      botProcess: '',
      chatWorker: '',
      chatProcess: '',
      pgliteWorker: '',
      handlerRunner: '',
      migrations: '',
    },
    startsBots: true,
    clock,
    random: () => 0.5,
    signal: ({ kind }) => signals.add(kind),
    run: () => Promise.resolve({ kind: 'handled', replies: [] }),
    changed: statuses.add,
    report: (level, message) => reports.add(`${level}: ${message}`),
  })
  closeLater(async () => {
    await thread.stop(0)
    await statuses.until(() => thread.status.state === 'stopped')
    await rm(folder, { recursive: true, force: true })
  })
  return { thread, statuses, signals, reports }
}

async function bootOf(thread: SupervisorThread): Promise<SupervisorBoot & { env: object }> {
  const result = await thread.call('listBots', 5_000, (remote) => remote.listBots())
  if (!result.ok) throw new Error(result.error.message)
  return result.value[0] as unknown as SupervisorBoot & { env: object }
}

describe('the first start', () => {
  it('resolves when the thread says that it is started', async () => {
    const { thread, signals } = await create('fine')
    await thread.start()
    expect(thread.status).toMatchObject({ state: 'running', incarnation: 1, restartCount: 0 })
    expect(await bootOf(thread)).toMatchObject({ startsBots: true, env: {} })
    expect((await bootOf(thread)).supersedes).toBeUndefined()
    await signals.next((kind) => kind === 'log')
  })

  it.each([
    ['refuses', { code: 'DATA_DIR_IN_USE', message: 'taken' }],
    ['throws', { code: 'SUPERVISOR_DOWN' }],
    ['exits', { code: 'SUPERVISOR_DOWN' }],
  ] as const)('that fails because the thread %s rejects and leaves nothing behind', async (behaviour, error) => {
    const { thread, statuses } = await create(behaviour)
    await expect(thread.start()).rejects.toMatchObject(error)
    expect(thread.status).toMatchObject({ state: 'stopped', incarnation: 1 })
    expect(thread.status.nextAt).toBeUndefined()
    await expect(thread.call('x', 100, (remote) => remote.report())).rejects.toMatchObject({ code: 'SUPERVISOR_DOWN' })
    // A second try starts a second thread: nothing of the first is in the way.
    await expect(thread.start()).rejects.toMatchObject(error)
    expect(statuses.items.map(({ incarnation }) => incarnation).at(-1)).toBe(2)
  })

  it('that finds no thread at all rejects and leaves nothing behind', async () => {
    const { thread } = await create('fine', systemClock, 'not-a-path')
    await expect(thread.start()).rejects.toMatchObject({ code: 'ERR_WORKER_PATH' })
    expect(thread.status).toMatchObject({ state: 'stopped', incarnation: 1 })
  })
})

describe('a thread that is killed', () => {
  it('is started again and knows whom it supersedes', async () => {
    const { thread, statuses } = await create('fine')
    await thread.start()
    const first = await bootOf(thread)
    thread.kill()
    await statuses.next(({ state }) => state === 'restarting')
    await expect(thread.call('x', 100, (remote) => remote.report())).rejects.toMatchObject({ code: 'SUPERVISOR_DOWN' })
    const again = await statuses.next(({ state, incarnation }) => state === 'running' && incarnation === 2)
    expect(again).toMatchObject({ restartCount: 1, lastExit: { reason: 'killed' } })
    const second = await bootOf(thread)
    expect(second.supersedes).toBe(first.instanceId)
    expect(second.instanceId).not.toBe(first.instanceId)
  })

  it('rejects the call in flight', async () => {
    const { thread } = await create('hangs at stop')
    await thread.start()
    const call = thread.call('stop', 60_000, (remote) => remote.stop(0)).catch((value: unknown) => value)
    thread.kill()
    expect(await call).toMatchObject({ code: 'SUPERVISOR_DOWN' })
  })

  it('is tried again for ever when its successor cannot start, and that is reported', async () => {
    const { thread, statuses, reports } = await create('second refuses')
    await thread.start()
    thread.kill()
    // More restarts than a bot would be allowed.
    await statuses.next(({ restartCount }) => restartCount > 7)
    expect(await reports.next((text) => text.startsWith('error: '))).toContain('taken')
    await thread.stop(0)
    expect(thread.status.state).toBe('stopped')
  })
})

describe('a thread that hangs', () => {
  it('is replaced within its limit, and its call is rejected', async () => {
    const { thread, statuses } = await create('fine')
    await thread.start()
    const page = { botIds: null, limit: 1, offset: 0 }
    const call = thread.call('listDeadLetters', 60_000, (remote) => remote.listDeadLetters(page))
    await expect(call).rejects.toMatchObject({ code: 'SUPERVISOR_DOWN' })
    const again = await statuses.next(({ state, incarnation }) => state === 'running' && incarnation === 2)
    expect(again).toMatchObject({ restartCount: 1, lastExit: { reason: 'hung' } })
  })

  it('is told from one whose host was busy', async () => {
    const { thread } = await create('fine')
    await thread.start()
    const until2s = Date.now() + 2_000
    while (Date.now() < until2s);
    await bootOf(thread)
    expect(thread.status).toMatchObject({ incarnation: 1 })
  })
})

describe('stop', () => {
  it('ends the thread for good and may be called twice, or before any start', async () => {
    const { thread } = await create('fine')
    await thread.stop(0)
    await thread.start()
    await Promise.all([thread.stop(1_000), thread.stop(1_000)])
    await thread.stop(1_000)
    expect(thread.status).toMatchObject({ state: 'stopped', lastExit: { reason: 'shutdown' }, restartCount: 0 })
  })

  it('during the first start makes that start reject', async () => {
    const { thread } = await create('fine')
    const started = thread.start().catch((value: unknown) => value)
    await thread.stop(1_000)
    expect(await started).toMatchObject({ code: 'SUPERVISOR_DOWN' })
    expect(thread.status).toMatchObject({ state: 'stopped', incarnation: 1 })
  })

  it.each(['hangs at stop', 'blocks at stop'] as const)(
    'is over 2 s after the grace when the thread %s',
    async (behaviour) => {
      const clock = new FakeClock()
      const { thread } = await create(behaviour, clock)
      await thread.start()
      let isOver = false
      const stopped = thread.stop(1_000).then(() => {
        isOver = true
      })
      await clock.advance(999)
      expect(isOver).toBe(false)
      await clock.advance(2_001)
      // A thread that only hangs is gone as soon as it is ended; one inside native code is not waited for.
      if (behaviour === 'hangs at stop') await stopped
      expect(isOver).toBe(true)
    },
  )

  it('that ends while the thread sits in native code leaves no way to a second thread beside it', async () => {
    const { thread } = await create('blocks at stop')
    await thread.start()
    await thread.stop(0)
    expect(thread.status.state).toBe('stopping')
    await expect(thread.start()).rejects.toMatchObject({ code: 'SUPERVISOR_DOWN' })
  })
})
