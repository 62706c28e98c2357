import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { MessageChannel } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { HostHandlers } from '../../src/app/host-handlers.ts'
import { packagePaths } from '../../src/app/package-paths.ts'
import { SupervisorThread } from '../../src/app/supervisor-thread.ts'
import { systemClock } from '../../src/core/time/clock.ts'
import { deferred } from '../../src/core/time/deferred.ts'
import type { ErrorRecord } from '../../src/core/errors.ts'
import { exitError, type ObservedExit } from '../../src/core/lifecycle/exit-reason.ts'
import { createLogger, type LogRecord } from '../../src/core/log/logger.ts'
import { stackFrames } from '../../src/core/log/stack-frames.ts'
import { toHandlerTable } from '../../src/handlers/handler-table.ts'
import { ChatPool } from '../../src/messages/pool/chat-pool.ts'
import { resolveOptions } from '../../src/options/options.ts'
import type { Isolation } from '../../src/protocol/model/bot-settings.ts'
import type { ChatTask } from '../../src/protocol/chat.ts'
import { PgliteThread } from '../../src/store/open/pglite-thread.ts'
import { storableError } from '../../src/store/database/storable.ts'
import { processIsolation } from '../../src/supervisor/isolation/process-isolation.ts'
import { botSpawner } from '../../src/supervisor/spawn.ts'
import { threadIsolation } from '../../src/supervisor/isolation/thread-isolation.ts'
import { EventLog } from '../../workers/supervisor/health/event-log.ts'
import { inboundMessage as event } from '../support/inbound-message.ts'
import { Recorder } from '../support/recorder.ts'
import { closeLater, newApp } from '../support/simulator.ts'
import { copyEmptyDatabase } from '../support/empty-database.ts'

const paths = packagePaths()
const { thread: options } = resolveOptions()

/** The text of the line that the first frame of this file names. */
async function lineIn(file: string, stack: string | undefined): Promise<string> {
  const frame = new RegExp(`[( ]${file}:(\\d+):\\d+\\)?$`, 'm').exec(stack ?? '')
  expect(frame, `no frame of ${file} in:\n${stack}`).not.toBeNull()
  return (await readFile(file, 'utf8')).split('\n')[Number(frame?.[1]) - 1] ?? ''
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'crash-stacks-'))
  closeLater(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A real bot worker that is sent a frame nobody sends. */
async function crashOfBot(isolation: Isolation, botWorker: string): Promise<ErrorRecord | undefined> {
  const { appId } = newApp()
  const exits = new Recorder<ObservedExit>()
  const signals = new Recorder<string>()
  const isolations = {
    thread: threadIsolation(botWorker, options.supervision),
    process: processIsolation(paths.botProcess, botWorker, options.supervision),
  }
  const domain = 'http://127.0.0.1:1'
  const { connection } = options
  const bot = { botId: 'a', appId, appSecret: 'none', domain, connection, isolation, isIdentified: true }
  const thread = botSpawner(isolations, systemClock)(bot, 1, {
    signal: ({ kind }) => signals.add(kind),
    exited: exits.add,
    printed: () => {},
    misbehaved: () => {},
  })
  await signals.next((kind) => kind === 'ready')
  thread.dataPort.postMessage(null)
  return exitError(await exits.next())
}

function openPool(): ChatPool {
  const pool = new ChatPool({
    filename: paths.chatWorker,
    threads: 1,
    threadMemoryMb: 64,
    threadMaxTasks: 1_000,
    secrets: {},
    clock: systemClock,
    onIdleDeath: () => {},
    onStuck: () => {},
    onFreed: () => {},
  })
  closeLater(() => pool.close(0))
  return pool
}

const task = { kind: 'event', canReply: false, attempt: 1, timeoutMs: 9_000 } as const

describe('the stack of a thread that crashed names file and line of the source', () => {
  it.each<[Isolation, string]>([
    ['thread', paths.botWorker],
    ['process', paths.botWorker],
    ['thread', resolve('dist/drill/bot.cjs')],
  ])('of a bot in a %s (%s)', async (isolation, botWorker) => {
    const error = await crashOfBot(isolation, botWorker)
    expect(await lineIn('workers/bot/main.ts', error?.stack)).toContain('frame.incarnation')
    expect(error?.stack).not.toContain('bot.cjs')
    expect(error).toMatchObject({ code: 'WORKER_UNREACHABLE', message: expect.stringContaining('incarnation') })
  })

  it('of the supervisor, in `lastExit`', async () => {
    const { connection: _missing, ...rest } = { ...options, dataDir: await temporaryFolder() }
    const thread = new SupervisorThread({
      options: rest as typeof options,
      paths,
      startsBots: true,
      clock: systemClock,
      random: () => 0.5,
      signal: () => {},
      run: () => Promise.resolve({ kind: 'handled', replies: [] }),
      changed: () => {},
      report: () => {},
    })
    await expect(thread.start()).rejects.toMatchObject({ code: 'SUPERVISOR_DOWN' })
    const stack = thread.status.lastExit?.error?.stack
    expect(await lineIn('workers/supervisor/main.ts', stack)).toContain('composeSupervisor({')
    expect(stack).not.toContain('supervisor.cjs')
  })

  it('of the embedded database', async () => {
    const crashed = deferred<ErrorRecord>()
    const dataDir = join(await temporaryFolder(), 'data')
    await copyEmptyDatabase(dataDir)
    const thread = new PgliteThread(paths.pgliteWorker, { dataDir }, crashed.resolve)
    closeLater(() => thread.close())
    const worker = await thread.start()
    worker.postMessage({ kind: 'connect', port: null })
    const { stack } = await crashed.promise
    expect(await lineIn('workers/pglite/database-session.ts', stack)).toContain("port.on('message'")
    expect(stack).not.toContain('pglite.cjs')
  })

  it('of our own code in a pool thread', async () => {
    const handler = { kind: 'builtin', name: 'echo' } as const
    const broken: ChatTask = { ...task, handler, event: null as never }
    const outcome = await openPool().run(broken, 9_000, () => {})
    const { error } = outcome as { error?: ErrorRecord }
    expect(error?.code).toBe('INTERNAL')
    expect(await lineIn('workers/chat/run-handler.ts', error?.stack)).toContain('task.event.kind')
    expect(error?.stack).not.toContain('chat.cjs')
  })

  it("of our own code that runs a handler on the host's thread", async () => {
    const handlers = new HostHandlers({
      tables: new Map([['default', toHandlerTable(() => {})]]),
      secrets: {},
      runnerPath: paths.handlerRunner,
      clock: systemClock,
    })
    const handler = { kind: 'host', name: 'default', kinds: ['message'] } as const
    const broken = { ...task, handler, event: null as never, port: new MessageChannel().port1 }
    const run = { id: 1, task: broken, deadlineAt: Date.now() + 9_000 }
    const outcome = await handlers.run(run, new AbortController().signal)
    const { error } = outcome as { error?: ErrorRecord }
    expect(error?.code).toBe('INTERNAL')
    expect(await lineIn('workers/chat/run-handler.ts', error?.stack)).toContain('task.event.kind')
    expect(error?.stack).not.toContain('handler-runner.cjs')
  })
})

it('a restart is logged with its stack', () => {
  const records: LogRecord[] = []
  const error = {
    code: 'WORKER_UNREACHABLE',
    message: 'x',
    retryable: true,
    stack: 'at y (workers/bot/main.ts:1:1)',
  } as const
  new EventLog(createLogger('supervisor', (record) => records.push(record))).observe({
    kind: 'restart',
    event: { botId: 'a', name: 'a', incarnation: 1, restartCount: 1, restartsInWindow: 1, reason: 'crashed', error },
  })
  expect(records[0]?.fields).toMatchObject({ event: 'restart', cause: 'x', stack: error.stack })
})

describe('frames that are not ours', () => {
  it('stay as they are: those of a handler module', async () => {
    const path = resolve('test/fixtures/handlers/dies-running.mjs')
    const outcome = await openPool().run({ ...task, handler: { kind: 'module', path }, event }, 9_000, () => {})
    const { error } = outcome as { error?: ErrorRecord }
    expect(error).toMatchObject({ code: 'POOL_THREAD_DIED', message: expect.stringContaining('during the run') })
    expect(error?.stack?.split('\n')[0]).toBe(`at Immediate.<anonymous> (${pathToFileURL(path).href}:4:13)`)
    // A dead letter keeps it.
    expect(JSON.parse(storableError(error as ErrorRecord))).toEqual(error)
  })

  it('are cut, and lines of the message are none', () => {
    const thrown = new Error('first\n    at once (secret=canary:1:1)\nlast')
    thrown.stack += '\n    at x (/y.js:1:1)'.repeat(1_000)
    const frames = stackFrames(thrown, '/none.cjs')?.split('\n') ?? []
    expect(frames).toHaveLength(10)
    for (const frame of frames) expect(frame).toMatch(/^at .+\d$|^at .+\)$/)
    expect(frames.join()).not.toContain('canary')
  })

  it.each([null, undefined, 'text', Symbol('x'), { stack: 1 }, Object.assign(new Error('x'), { stack: '' })])(
    'are none where nothing like a stack was thrown (%o)',
    (thrown) => {
      expect(stackFrames(thrown, paths.botWorker)).toBeUndefined()
    },
  )

  it('of a bundle without a map name their place in the bundle', () => {
    const thrown = Object.assign(new Error('x'), { stack: 'Error: x\n    at y (/none.cjs:3:5)' })
    expect(stackFrames(thrown, '/none.cjs')).toBe('at y (/none.cjs:3:5)')
  })
})
