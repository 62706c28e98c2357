import type { Clock } from '../../core/time/clock.ts'
import { errorRecord, FeishuSupervisorError, toErrorRecord } from '../../core/errors.ts'
import { Pending } from '../../core/time/pending.ts'
import type { ChatOutcome, EventTask, HostRun } from '../../protocol/chat.ts'
import type { HandlerPool } from './handler-pool.ts'
import { RunChannelServer, type TakeCall } from './run-channel-server.ts'

export interface HostRunsDeps {
  /** Most runs at a time. */
  readonly capacity: number
  /** Hands a run to the host's thread; must not throw. */
  readonly send: (run: HostRun) => void
  /** An overdue run has ended: there is room for another one. */
  readonly onFreed: () => void
  readonly clock: Clock
}

/**
 * Handlers that are functions of the embedding host, seen from the supervisor thread: a pool whose runs
 * happen elsewhere. The host may be busy, so what counts is our own deadline; an answer that comes after it
 * finds nobody who waits.
 */
export class HostRuns implements HandlerPool {
  readonly #deps: HostRunsDeps
  readonly #pending: Pending<ChatOutcome>
  /** Runs that did not end in time. Their code goes on. */
  readonly #overdue = new Set<number>()
  #isClosed = false

  constructor(deps: HostRunsDeps) {
    this.#deps = deps
    this.#pending = new Pending(deps.clock)
  }

  get capacity(): number {
    return Math.max(0, this.#deps.capacity - this.#overdue.size)
  }

  get isFull(): boolean {
    return this.#pending.size >= this.capacity
  }

  get overdueCount(): number {
    return this.#overdue.size
  }

  async run(task: EventTask, timeoutMs: number, take: TakeCall): Promise<ChatOutcome> {
    const { send, clock } = this.#deps
    if (this.#isClosed) return failed('INTERNAL', 'the host runs nothing now')
    const channel = new RunChannelServer()
    const { id, answer } = this.#pending.open(timeoutMs, "the handler on the host's thread")
    channel.begin(id, take)
    send({ id, task: { ...task, port: channel.other }, deadlineAt: clock.now() + timeoutMs })
    try {
      return await answer
    } catch (thrown) {
      const { code, message } = toErrorRecord(thrown)
      if (code === 'DEADLINE_EXCEEDED') this.#overdue.add(id)
      return code === 'DEADLINE_EXCEEDED' ? failed('HANDLER_TIMEOUT', message) : failed('SUPERVISOR_DOWN', message)
    } finally {
      channel.end(id)
      channel.close()
    }
  }

  /** The outcome of an overdue run changes nothing, but its room is free again. */
  ended(id: number, outcome: ChatOutcome): void {
    this.#pending.resolve(id, outcome)
    if (this.#overdue.delete(id)) this.#deps.onFreed()
  }

  /** Does not wait: the caller has waited already. */
  close(): Promise<void> {
    this.#isClosed = true
    this.#pending.rejectAll(new FeishuSupervisorError('SUPERVISOR_DOWN', 'the supervisor stopped during the run'))
    return Promise.resolve()
  }
}

function failed(code: 'INTERNAL' | 'HANDLER_TIMEOUT' | 'SUPERVISOR_DOWN', message: string): ChatOutcome {
  return { kind: 'failed', error: errorRecord(code, message) }
}
