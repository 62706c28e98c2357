import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, it } from 'vitest'
import { createLogger, type LogRecord } from '../../src/core/log/logger.ts'
import { hideValues } from '../../src/core/log/redact.ts'
import { systemClock } from '../../src/core/time/clock.ts'
import { ContextServer } from '../../src/messages/handle/context-server.ts'
import { ProcessRuns, type ProcessRunsOptions } from '../../src/messages/pool/process-runs.ts'
import type { ChatOutcome, HandlerRef } from '../../src/protocol/chat.ts'
import type { RunCall } from '../../src/protocol/run-channel.ts'
import { messageEvent } from '../messages/dispatcher-bench.ts'
import { inboundMessage } from '../support/inbound-message.ts'
import { Recorder } from '../support/recorder.ts'
import { closeLater } from '../support/simulator.ts'

const SECRET = 'canary-secret'
hideValues([SECRET])

const logged = new Recorder<LogRecord>()
const calls = new Recorder<RunCall>()
const printed = new Recorder<string>()
const idle = new Recorder<unknown>()
/** The chat has one message before. */
const contextServer = new ContextServer({
  log: createLogger('handler', logged.add),
  history: () =>
    Promise.resolve([{ kind: 'event', payload: messageEvent('c', 'm0', 'good day').payload, createdAt: 2 }]),
})

const open = new Set<ProcessRuns>()

function openRuns(more: Partial<ProcessRunsOptions> = {}): ProcessRuns {
  const runs = new ProcessRuns({
    entry: resolve('dist/workers/chat-process.cjs'),
    threads: 2,
    threadMemoryMb: 64,
    threadMaxTasks: 100,
    secrets: { backend: SECRET },
    clock: systemClock,
    // As the supervisor thread shows it.
    onPrinted: (text) => createLogger('handler', ({ message }) => printed.add(message)).info(text),
    onIdleDeath: idle.add,
    onFreed: () => {},
    ...more,
  })
  open.add(runs)
  return runs
}

afterEach(async () => {
  for (const runs of open) await runs.close(0)
  open.clear()
})

function fixture(name: string): HandlerRef {
  return { kind: 'module', path: resolve('test/fixtures/handlers', name), isolation: 'process' }
}

const alone = fixture('alone.mjs')

interface Said {
  readonly handler?: HandlerRef
  readonly timeoutMs?: number
  readonly isSuspect?: boolean
}

function say(runs: ProcessRuns, text: string, said: Said = {}): Promise<ChatOutcome> {
  const { handler = alone, timeoutMs = 20_000, isSuspect = false } = said
  const event = { ...inboundMessage, text, raw: { message: { content: JSON.stringify({ text }) } } }
  const limits = { timeoutMs: timeoutMs * 0.9, isSuspect }
  const target = { messageId: 'm1', receiver: { type: 'chat_id', id: 'c' } } as const
  return runs.run(
    { kind: 'event', handler, event, canReply: true, attempt: 1, ...limits },
    timeoutMs,
    (call, answer) => {
      calls.add(call)
      return contextServer.take(call, { botId: 'a', eventId: 7, target, onFrame() {} }, answer)
    },
  )
}

function textOf(outcome: ChatOutcome): string {
  if (outcome.kind !== 'handled') throw new Error(JSON.stringify(outcome))
  return outcome.replies.map(({ content }) => JSON.parse(content).text).join()
}

function errorOf(outcome: ChatOutcome): { code: string; message: string } {
  if (outcome.kind !== 'failed') throw new Error(JSON.stringify(outcome))
  return outcome.error
}

function isAlive(pid: string): boolean {
  try {
    return process.kill(Number(pid), 0)
  } catch {
    return false
  }
}

describe('a handler in a process of its own', () => {
  it('answers from another process, which keeps nothing of the host and waits for the next run', async () => {
    const runs = openRuns()
    const pid = textOf(await say(runs, 'pid'))
    expect(Number(pid)).not.toBe(process.pid)
    expect(textOf(await say(runs, 'pid'))).toBe(pid)
    expect(JSON.parse(textOf(await say(runs, 'sees')))).toEqual({ env: {}, argv: 2 })
    expect(runs.stats).toEqual({ processes: 1 })
  })

  it('may be a built-in handler', async () => {
    expect(textOf(await say(openRuns(), 'hello', { handler: { kind: 'builtin', name: 'echo' } }))).toBe('hello')
  })

  it('asks for the history of its chat, logs, and has its secrets, which its errors do not show', async () => {
    const runs = openRuns()
    const handler = fixture('asks.mjs')
    expect(JSON.parse(textOf(await say(runs, 'history 1', { handler })))).toMatchObject([{ text: 'good day' }])
    await say(runs, `log ${SECRET}`, { handler })
    expect(await logged.next()).toMatchObject({ message: 'asked for ***', fields: { eventId: 7, size: 3 } })
    expect(errorOf(await say(runs, 'secret backend', { handler })).message).toBe('it is ***, of 13 characters')
  })

  it('streams, one frame at a time, and sends files', async () => {
    const runs = openRuns()
    expect((await say(runs, 'stream')).kind).toBe('handled')
    const shown = calls.items.flatMap((call) => (call.kind === 'stream' ? [call.frame.text] : []))
    expect(shown.length).toBeGreaterThan(2)
    expect([shown[0], shown.at(-1)]).toEqual(['0 ', '0 1 2 3 4 5 6 7 '])
    const outcome = await say(runs, 'image', { handler: fixture('replies.mjs') })
    const bytes = outcome.kind === 'handled' ? outcome.replies[0]?.bytes : undefined
    expect(Buffer.compare(bytes ?? Buffer.alloc(0), Buffer.alloc(2_500_000, 7))).toBe(0)
  })

  it('runs beside another one, each in its own process, and never more than there may be', async () => {
    const runs = openRuns()
    const both = [say(runs, 'hang', { timeoutMs: 1_500 }), say(runs, 'hang', { timeoutMs: 1_500 })]
    expect(runs.isFull).toBe(true)
    expect(errorOf(await say(runs, 'pid')).code).toBe('INTERNAL')
    await Promise.all(both)
    expect(runs.isFull).toBe(false)
    const pids = await Promise.all([say(runs, 'pid'), say(runs, 'pid')])
    expect(new Set(pids.map(textOf)).size).toBe(2)
    // Another handler gets the place of one that only waits.
    expect(textOf(await say(runs, 'hello', { handler: { kind: 'builtin', name: 'echo' } }))).toBe('hello')
    expect(runs.stats).toEqual({ processes: 2 })
  })

  it('gets a fresh process after so many runs, and as a suspect, whose process nobody gets after it', async () => {
    const runs = openRuns({ threadMaxTasks: 2 })
    const pids: string[] = []
    for (const isSuspect of [false, false, false, true, false]) pids.push(textOf(await say(runs, 'pid', { isSuspect })))
    const [first, second, third, suspect, last] = pids
    expect([second, last]).toEqual([first, third])
    expect(new Set([first, third, suspect]).size).toBe(3)
  })

  it('sees the end of its time by its signal, then its process ends', async () => {
    const runs = openRuns()
    expect(errorOf(await say(runs, 'hang', { timeoutMs: 1_000 }))).toMatchObject({
      code: 'HANDLER_TIMEOUT',
      message: 'the handler did not end within 1000 ms',
    })
    expect(await logged.next()).toMatchObject({ message: 'the signal came' })
    expect(runs.stats).toEqual({})
  })
})

describe('a handler that does not let go', () => {
  it.each(['spin', 'native'])('%s: its process is ended at the limit, and the next run has another', async (deed) => {
    const folder = await mkdtemp(join(tmpdir(), 'process-'))
    closeLater(() => rm(folder, { recursive: true }))
    execFileSync('mkfifo', [join(folder, 'fifo')])
    const runs = openRuns()
    const outcome = await say(runs, `${deed} ${join(folder, 'fifo')}`, { timeoutMs: 700 })
    expect(errorOf(outcome).code).toBe('HANDLER_TIMEOUT')
    expect(runs.stats).toEqual({})
    expect(Number(textOf(await say(runs, 'pid')))).toBeGreaterThan(0)
  })
})

describe('a process that dies during its run', () => {
  it.each([
    ['exit', 'called process.exit(3)'],
    ['reallyExit', 'ended with exit code 4'],
    [`abort ${SECRET}`, 'was ended by SIGABRT; the end of its standard error: about to end, with ***'],
    ['kill', 'was ended by SIGKILL'],
    ['outgrow', 'JavaScript heap out of memory'],
    ['grow', '64 MB are allowed'],
    ['throws', 'outside'],
  ])('%s: the run fails and says how; the one beside it does not notice', async (deed, text) => {
    const runs = openRuns()
    const beside = say(runs, 'hang', { timeoutMs: 60_000 })
    const { code, message } = errorOf(await say(runs, deed))
    expect({ code, message }).toEqual({ code: 'HANDLER_PROCESS_DIED', message: expect.stringContaining(text) })
    expect(runs.stats).toEqual({ processes: 1 })
    expect(Number(textOf(await say(runs, 'pid')))).toBeGreaterThan(0)
    expect(runs.stats).toEqual({ processes: 2 })
    await runs.close(0)
    expect(errorOf(await beside).message).toContain('SIGKILL')
  })
})

describe('what a handler does after its end', () => {
  it('is logged as its own, and its process gets no further run', async () => {
    const runs = openRuns()
    const pid = textOf(await say(runs, 'laterThrows'))
    const { level } = await logged.next(({ message }) => message.includes('too late'))
    expect(level).toBe('error')
    expect(textOf(await say(runs, 'pid'))).not.toBe(pid)
    expect(isAlive(pid)).toBe(false)
  })

  it('may be the end of its process, which is told', async () => {
    const runs = openRuns()
    expect((await say(runs, 'laterKills')).kind).toBe('handled')
    expect(String(await idle.next())).toContain('was ended by SIGKILL')
    expect(runs.stats).toEqual({})
  })
})

describe('what a handler prints', () => {
  it('is passed on in lines, without what must not be shown', async () => {
    await say(openRuns(), `print it-is-${SECRET}`)
    expect(await printed.next((text) => text.startsWith('it-is'))).toBe('it-is-***')
  })

  it('is held down when it is too much', async () => {
    const before = printed.items.length
    expect((await say(openRuns(), 'printMuch')).kind).toBe('handled')
    await printed.next((text) => text.startsWith('it prints more than 65536 characters a second'))
    expect(printed.items.slice(before).join('').length).toBeLessThan(600_000)
  })

  it('over its own channel changes nothing', async () => {
    expect(textOf(await say(openRuns(), 'sendsNonsense'))).toBe('done')
  })
})

describe('loading a handler', () => {
  it('happens in a process too: one that kills at load is refused with the reason, and nothing else dies', async () => {
    const runs = openRuns()
    const beside = say(runs, 'hang', { timeoutMs: 60_000 })
    await expect(runs.probe(fixture('kills-at-load.mjs'), 10_000)).rejects.toMatchObject({
      code: 'HANDLER_UNLOADABLE',
      message: expect.stringMatching(/kills-at-load\.mjs.*SIGABRT.*native code that does not load/s),
    })
    await expect(runs.probe(fixture('no-default.mjs'), 10_000)).rejects.toMatchObject({ code: 'HANDLER_UNLOADABLE' })
    expect([...(await runs.probe(fixture('events.mjs'), 10_000))]).toContain('card_action')
    expect(runs.stats).toEqual({ processes: 2 })
    await runs.close(0)
    expect(errorOf(await beside).message).toContain('SIGKILL')
  })

  it('cannot happen without the file of the process', async () => {
    const runs = openRuns({ entry: resolve('dist/workers/no-such-file.cjs') })
    expect(errorOf(await say(runs, 'pid'))).toMatchObject({
      code: 'HANDLER_PROCESS_DIED',
      message: expect.stringContaining('Cannot find module'),
    })
  })
})

describe('the end', () => {
  it('leaves no process behind, whatever it does', async () => {
    const runs = openRuns()
    const pid = textOf(await say(runs, 'pid'))
    const spinning = [say(runs, 'spin'), say(runs, 'spin')]
    await runs.close(100)
    for (const outcome of await Promise.all(spinning)) expect(errorOf(outcome).code).toBe('HANDLER_PROCESS_DIED')
    expect(runs.stats).toEqual({})
    expect(isAlive(pid)).toBe(false)
    expect(errorOf(await say(runs, 'pid')).message).toContain('closed')
  })

  it.each(['process', 'thread'])('comes, even while it computes, when the %s that owns it is gone', async (owner) => {
    const server = createServer().listen(0, '127.0.0.1')
    closeLater(() => new Promise((done) => server.close(done)))
    await once(server, 'listening')
    const order = `dialAndSpin ${(server.address() as AddressInfo).port}`
    const dialled = once(server, 'connection') as Promise<[Socket]>
    const script = resolve('test/fixtures/process-owner.mjs')
    let end: () => void
    if (owner === 'thread') {
      const worker = new Worker(script, { workerData: [order] })
      end = () => void worker.terminate()
    } else {
      const child = spawn(process.execPath, [script, order], { stdio: 'ignore' })
      end = () => void child.kill('SIGKILL')
    }
    const [socket] = await dialled
    socket.resume().on('error', () => {})
    const closed = once(socket, 'close')
    end()
    await closed
    expect(socket.destroyed).toBe(true)
  })
})
