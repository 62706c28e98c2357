import { asObject } from '../../core/as-object.ts'
import type { Clock } from '../../core/time/clock.ts'
import { type Deferred, deferred } from '../../core/time/deferred.ts'
import {
  type ErrorCode,
  errorRecord,
  type ErrorRecord,
  errorText,
  FeishuSupervisorError,
  fromErrorRecord,
} from '../../core/errors.ts'
import { redactText } from '../../core/log/redact.ts'
import { stackFrames } from '../../core/log/stack-frames.ts'
import type { ChatOutcome, ChatTask, HandlerRef, PoolAnswer } from '../../protocol/chat.ts'
import type { InboundEventKind } from '../../protocol/model/inbound-event.ts'
import type { PoolStats } from '../../protocol/model/status.ts'
import type { TakeCall } from './run-channel-server.ts'
import { PoolThread } from './pool-thread.ts'
import { Sleeper } from '../writes/sleeper.ts'

export interface ChatPoolOptions {
  /** The built file every thread runs. */
  readonly filename: string
  readonly threads: number
  /** Memory of one thread, see MemoryBudget. */
  readonly threadMemoryMb: number
  /** What handlers may ask for by name. */
  readonly secrets: Readonly<Record<string, string>>
  /** A thread is replaced after so many tasks: what handlers leave behind in it goes with it. */
  readonly threadMaxTasks: number
  readonly clock: Clock
  /** A thread died while it had no task, e.g. by a timer a handler left behind; it is replaced. */
  readonly onIdleDeath: (thrown: unknown) => void
  /** A thread could not be ended: it sits in native code. `stuck` of them do. */
  readonly onStuck: (stuck: number) => void
  /** There may be more threads than before. */
  readonly onFreed: () => void
}

type Cut = 'deadline' | 'closed'

interface Run {
  readonly cut: Deferred<Cut>
  readonly outcome: Promise<ChatOutcome>
}

/** An ended thread is gone within milliseconds unless it sits in native code. */
const MAX_TERMINATION_MS = 1_000

/** A thread that uses so much of its budget after a task gets no further one. */
const WORN_SHARE = 0.75

/**
 * The threads that run handlers. The pool is only a source of threads: order, attempts and waiting are
 * the dispatcher's, which hands over a task when a thread is free and never before.
 *
 * Every run ends, within its limit and with an outcome: threads that die, hang or cannot be started
 * are replaced, and the task is told to have failed. Threads that do not end are replaced too, but
 * only as many as the pool has: then it shrinks until one of them is gone.
 */
export class ChatPool {
  readonly #options: ChatPoolOptions
  readonly #sleeper: Sleeper
  readonly #idle: PoolThread[] = []
  readonly #runs = new Map<PoolThread, Run>()
  readonly #ending = new Map<PoolThread, Promise<void>>()
  #stuckCount = 0
  #closing: Promise<void> | undefined

  constructor(options: ChatPoolOptions) {
    this.#options = options
    this.#sleeper = new Sleeper(options.clock)
    this.#fill()
  }

  /** Tasks that may run at a time now. */
  get threads(): number {
    const { threads } = this.#options
    return Math.min(threads, Math.max(0, 2 * threads - this.#ending.size))
  }

  get busy(): number {
    return this.#runs.size
  }

  get stats(): PoolStats {
    return {
      threads: this.#idle.length + this.#runs.size,
      busy: this.#runs.size,
      queued: 0,
      stuck: this.#stuckCount,
    }
  }

  /** Never rejects. The limit counts from now, so the start of a replacement thread is included. */
  run(task: ChatTask, timeoutMs: number, take: TakeCall): Promise<ChatOutcome> {
    if (this.#closing !== undefined) return Promise.resolve(failed('POOL_THREAD_DIED', 'the chat pool is closed'))
    // A waiting task would have to be remembered, ordered and ended; the dispatcher does all that.
    if (this.#runs.size >= this.#options.threads) return Promise.resolve(failed('INTERNAL', 'no pool thread is free'))
    if (this.#runs.size >= this.threads) {
      return Promise.resolve(failed('POOL_THREAD_DIED', `${this.#ending.size} pool threads do not end`))
    }
    const thread = this.#idle.pop() ?? this.#newThread()
    const cut = deferred<Cut>()
    const outcome = this.#run(thread, task, take, timeoutMs, cut)
    this.#runs.set(thread, { cut, outcome })
    return outcome
  }

  /** Answers which kinds of events the handler has functions for; rejects with `HANDLER_UNLOADABLE` and the reason if it cannot be loaded. */
  async probe(handler: HandlerRef, timeoutMs: number): Promise<ReadonlySet<InboundEventKind>> {
    const outcome = await this.run({ kind: 'probe', handler }, timeoutMs, () => {})
    if (outcome.kind === 'loaded') return new Set(outcome.kinds)
    const error = outcome.kind === 'failed' ? outcome.error : fault('INTERNAL', 'the pool took a probe for an event')
    if (this.#closing !== undefined) throw fromErrorRecord(error)
    throw new FeishuSupervisorError('HANDLER_UNLOADABLE', error.message)
  }

  /** Lets running handlers end for `graceMs`, then stops their threads. Always resolves shortly after. */
  close(graceMs: number): Promise<void> {
    this.#closing ??= this.#close(graceMs)
    return this.#closing
  }

  async #run(
    thread: PoolThread,
    task: ChatTask,
    take: TakeCall,
    timeoutMs: number,
    cut: Deferred<Cut>,
  ): Promise<ChatOutcome> {
    const cancelDeadline = this.#options.clock.after(timeoutMs, () => cut.resolve('deadline'))
    try {
      const ended = await Promise.race([thread.run(task, take), cut.promise])
      this.#runs.delete(thread)
      if (ended === 'deadline' || ended === 'closed') {
        this.#retire(thread)
        this.#fill()
        return ended === 'deadline'
          ? failed('HANDLER_TIMEOUT', `the handler did not end within ${timeoutMs} ms; its thread was replaced`)
          : failed('POOL_THREAD_DIED', 'the chat pool was closed')
      }
      const { outcome, memoryMb } = toAnswer(ended)
      this.#giveBack(thread, memoryMb)
      return outcome
    } catch (thrown) {
      this.#runs.delete(thread)
      // Its successor is made when there is a task for it: threads that die at their start do not make a loop.
      this.#retire(thread)
      const { filename } = this.#options
      return failed('POOL_THREAD_DIED', `the thread died: ${errorText(thrown)}`, stackFrames(thrown, filename))
    } finally {
      cancelDeadline()
    }
  }

  #giveBack(thread: PoolThread, memoryMb: number): void {
    const { threadMaxTasks, threadMemoryMb } = this.#options
    const isWorn = thread.taskCount >= threadMaxTasks || memoryMb > WORN_SHARE * threadMemoryMb
    if (isWorn || this.#closing !== undefined || this.#idle.length + this.#runs.size >= this.threads)
      this.#retire(thread)
    else this.#idle.push(thread)
    this.#fill()
  }

  #newThread(): PoolThread {
    const { filename, threadMemoryMb, secrets, onIdleDeath } = this.#options
    const thread = new PoolThread({
      filename,
      memoryMb: threadMemoryMb,
      secrets,
      onIdleDeath: (thrown) => {
        const index = this.#idle.indexOf(thread)
        if (index >= 0) {
          this.#idle.splice(index, 1)
          this.#retire(thread)
        }
        onIdleDeath(thrown)
      },
    })
    return thread
  }

  /** Threads are made ahead of their first task. */
  #fill(): void {
    while (this.#closing === undefined && this.#idle.length + this.#runs.size < this.threads) {
      this.#idle.push(this.#newThread())
    }
  }

  #retire(thread: PoolThread): void {
    const gone = thread.end().then(() => {
      this.#ending.delete(thread)
    })
    this.#ending.set(thread, gone)
    void this.#follow(gone)
  }

  async #follow(gone: Promise<void>): Promise<void> {
    if (!(await this.#sleeper.within(MAX_TERMINATION_MS, gone))) {
      this.#stuckCount += 1
      this.#options.onStuck(this.#stuckCount)
      await gone
      this.#stuckCount -= 1
    }
    this.#options.onFreed()
  }

  async #close(graceMs: number): Promise<void> {
    const runs = [...this.#runs.values()]
    if (runs.length > 0) await this.#sleeper.within(graceMs, Promise.all(runs.map(({ outcome }) => outcome)))
    for (const { cut } of this.#runs.values()) cut.resolve('closed')
    await Promise.all([...this.#runs.values()].map(({ outcome }) => outcome))
    for (const thread of this.#idle.splice(0)) this.#retire(thread)
    await this.#sleeper.within(MAX_TERMINATION_MS, Promise.all(this.#ending.values()))
  }
}

/** Code of the user runs in the same thread, so even the shape of the answer is checked; `throw null` arrives as null. */
function toAnswer(answer: unknown): PoolAnswer {
  const { outcome, memoryMb } = asObject(answer)
  const { kind } = asObject(outcome)
  if (typeof memoryMb === 'number' && (kind === 'loaded' || kind === 'handled' || kind === 'failed')) {
    return answer as PoolAnswer
  }
  return { outcome: failed('HANDLER_FAILED', 'the pool thread gave no outcome'), memoryMb: 0 }
}

function failed(code: ErrorCode, message: string, stack?: string): ChatOutcome {
  return { kind: 'failed', error: fault(code, message, stack) }
}

function fault(code: ErrorCode, message: string, stack?: string): ErrorRecord {
  // What ended a thread may be an error of the handler.
  return errorRecord(code, redactText(message), stack)
}
