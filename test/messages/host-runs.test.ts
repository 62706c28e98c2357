import { once } from 'node:events'
import { MessageChannel, MessagePort } from 'node:worker_threads'
import { describe, expect, it, vi } from 'vitest'
import { HostHandlers } from '../../src/app/host-handlers.ts'
import { packagePaths } from '../../src/app/package-paths.ts'
import { toHandlerTable } from '../../src/handlers/handler-table.ts'
import { HostRuns } from '../../src/messages/pool/host-runs.ts'
import type { EventTask, HostRun } from '../../src/protocol/chat.ts'
import { FakeClock } from '../support/fake-clock.ts'

const event: EventTask = {
  kind: 'event',
  handler: { kind: 'host', name: 'default', kinds: ['menu'] },
  event: {
    botId: 'a',
    eventId: 'e',
    createdAt: 1,
    raw: {},
    kind: 'menu',
    eventKey: 'k',
    operatorOpenId: 'o',
    operatorName: '',
  },
  canReply: true,
  attempt: 1,
  timeoutMs: 900,
}
const task = { ...event, port: new MessageChannel().port1 }
const ignore = (): void => {}

describe('a run on the host, seen from the supervisor thread', () => {
  function runs() {
    const clock = new FakeClock()
    const sent: HostRun[] = []
    const onFreed = vi.fn<() => void>()
    return { clock, sent, onFreed, runs: new HostRuns({ capacity: 2, send: (run) => sent.push(run), onFreed, clock }) }
  }

  it('ends with the answer of the host', async () => {
    const { runs: subject, sent, clock } = runs()
    const outcome = subject.run(event, 1_000, ignore)
    const sentTask = { ...event, port: expect.any(MessagePort) }
    expect(sent).toEqual([{ id: sent[0]!.id, task: sentTask, deadlineAt: clock.now() + 1_000 }])
    subject.ended(sent[0]!.id, { kind: 'handled', replies: [] })
    expect(await outcome).toEqual({ kind: 'handled', replies: [] })
  })

  it('has failed at its deadline, and what comes later changes nothing', async () => {
    const { runs: subject, sent, clock, onFreed } = runs()
    const outcome = subject.run(event, 1_000, ignore)
    await clock.advance(1_000)
    expect(await outcome).toMatchObject({ kind: 'failed', error: { code: 'HANDLER_TIMEOUT', retryable: true } })
    // It still runs, so there is room for one less.
    expect([subject.capacity, subject.overdueCount, onFreed.mock.calls.length]).toEqual([1, 1, 0])
    const second = subject.run(event, 1_000, ignore)
    expect(subject.isFull).toBe(true)
    subject.ended(sent[0]!.id, { kind: 'handled', replies: [{ msgType: 'text', content: 'late' }] })
    subject.ended(sent[1]!.id, { kind: 'handled', replies: [] })
    expect(await second).toEqual({ kind: 'handled', replies: [] })
    expect([subject.capacity, subject.isFull, onFreed.mock.calls.length]).toEqual([2, false, 1])
  })

  it('is cut short when the supervisor stops', async () => {
    const { runs: subject } = runs()
    const outcome = subject.run(event, 1_000, ignore)
    await subject.close()
    expect(await outcome).toMatchObject({ kind: 'failed', error: { code: 'SUPERVISOR_DOWN', retryable: true } })
  })
})

describe("a run on the host's thread", () => {
  const gone = new AbortController().signal

  function handlers(
    run: (
      event: unknown,
      ctx: { signal: AbortSignal; secret(name: string): string; history(count: number): Promise<unknown> },
    ) => unknown,
  ) {
    const clock = new FakeClock()
    const table = toHandlerTable({ menu: run })
    const { handlerRunner } = packagePaths()
    return {
      clock,
      handlers: new HostHandlers({
        tables: new Map([['default', table]]),
        secrets: { backend: 'canary-of-host' },
        runnerPath: handlerRunner,
        clock,
      }),
    }
  }

  it('is not begun after its deadline: it may be under way again', async () => {
    let count = 0
    const { clock, handlers: subject } = handlers(() => (count += 1))
    expect(await subject.run({ id: 1, task, deadlineAt: clock.now() }, gone)).toMatchObject({
      kind: 'failed',
      error: { code: 'HANDLER_TIMEOUT' },
    })
    expect(count).toBe(0)
  })

  it('learns through its signal that the supervisor thread is gone', async () => {
    const abort = new AbortController()
    const { clock, handlers: subject } = handlers((_event, { signal }) => {
      abort.abort()
      if (signal.aborted) throw new Error('gave up')
    })
    const outcome = await subject.run({ id: 1, task, deadlineAt: clock.now() + 60_000 }, abort.signal)
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'HANDLER_FAILED', message: 'gave up' } })
  })

  it('shows no secret in its error', async () => {
    const { clock, handlers: subject } = handlers((_event, ctx) => {
      throw new Error(`refused: ${ctx.secret('backend')}`)
    })
    const outcome = await subject.run({ id: 1, task, deadlineAt: clock.now() + 60_000 }, gone)
    expect(outcome).toMatchObject({ error: { code: 'HANDLER_FAILED', message: 'refused: ***' } })
  })

  it('is told at once that nobody will answer it any more', async () => {
    const { port1, port2 } = new MessageChannel()
    const { clock, handlers: subject } = handlers(async (_event, { history }) => {
      port1.close()
      await once(port2, 'close')
      await history(1)
    })
    const run = { id: 1, task: { ...task, port: port2 }, deadlineAt: clock.now() + 60_000 }
    expect(await subject.run(run, gone)).toMatchObject({
      error: { message: expect.stringContaining('the handler run has ended') },
    })
  })
})
