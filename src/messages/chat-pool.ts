import { Piscina } from 'piscina'
import type { Clock } from '../core/clock.ts'
import {
  type ErrorCode,
  ERROR_CODES,
  type ErrorRecord,
  errorText,
  FeishuSupervisorError,
  fromErrorRecord,
} from '../core/errors.ts'
import type { ChatOutcome, ChatTask, HandlerRef } from '../protocol/chat.ts'
import type { InboundEventKind } from '../protocol/inbound-event.ts'
import { Sleeper } from './sleeper.ts'

export interface ChatPoolOptions {
  /** The built file every thread runs. */
  readonly filename: string
  readonly threads: number
  readonly threadMemoryMb: number
  readonly clock: Clock
  /** A thread died while it had no task, e.g. by a timer a handler left behind; it is replaced. */
  readonly onIdleDeath: (thrown: unknown) => void
}

type AbortReason = 'deadline' | 'closed'

/** A thread that sits in native code never tells that it is gone. */
const MAX_TERMINATION_MS = 1_000

/**
 * The threads that run handlers. The pool is only a source of threads: order, attempts and waiting are
 * the dispatcher's, which hands over a task when a thread is free and never before.
 *
 * Every run ends, within its limit and with an outcome: threads that die, hang or cannot be started
 * are replaced, and the task is told to have failed.
 */
export class ChatPool {
  readonly threads: number
  readonly #piscina: Piscina
  readonly #sleeper: Sleeper
  readonly #clock: Clock
  readonly #runs = new Map<AbortController, Promise<ChatOutcome>>()
  #closing: Promise<void> | undefined

  constructor({ filename, threads, threadMemoryMb, clock, onIdleDeath }: ChatPoolOptions) {
    this.threads = threads
    this.#clock = clock
    this.#sleeper = new Sleeper(clock)
    this.#piscina = new Piscina({
      filename,
      minThreads: threads,
      maxThreads: threads,
      // One task per thread: the message that kills its thread is known with certainty.
      concurrentTasksPerWorker: 1,
      // Otherwise an idle thread sleeps in Atomics.wait: its timers and sockets stand still.
      atomics: 'disabled',
      // The host's environment holds secrets, its flags may not fit a thread.
      env: {},
      argv: [],
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: threadMemoryMb },
      recordTiming: false,
    })
    // Without a listener this event would end the process.
    this.#piscina.on('error', onIdleDeath)
  }

  get stats(): { readonly threads: number; readonly busy: number; readonly queued: number } {
    return { threads: this.#piscina.threads.length, busy: this.#runs.size, queued: this.#piscina.queueSize }
  }

  /** Never rejects. The limit counts from now, so the start of a replacement thread is included. */
  run(task: ChatTask, timeoutMs: number): Promise<ChatOutcome> {
    if (this.#closing !== undefined) return Promise.resolve(failed('POOL_THREAD_DIED', 'the chat pool is closed'))
    // A waiting task would hang if no thread could be started, and Piscina would take them in any order.
    if (this.#runs.size >= this.threads) return Promise.resolve(failed('INTERNAL', 'no pool thread is free'))
    const abort = new AbortController()
    const run = this.#run(task, timeoutMs, abort).finally(() => this.#runs.delete(abort))
    this.#runs.set(abort, run)
    return run
  }

  /** Answers which kinds of events the handler has functions for; rejects with `HANDLER_UNLOADABLE` and the reason if it cannot be loaded. */
  async probe(handler: HandlerRef, timeoutMs: number): Promise<ReadonlySet<InboundEventKind>> {
    const outcome = await this.run({ kind: 'probe', handler }, timeoutMs)
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

  async #run(task: ChatTask, timeoutMs: number, abort: AbortController): Promise<ChatOutcome> {
    const cancelDeadline = this.#clock.after(timeoutMs, () => abort.abort('deadline' satisfies AbortReason))
    try {
      return toOutcome(await this.#piscina.run(task, { signal: abort.signal }))
    } catch (thrown) {
      if (!abort.signal.aborted) return failed('POOL_THREAD_DIED', `the thread died: ${errorText(thrown)}`)
      return (abort.signal.reason as AbortReason) === 'deadline'
        ? failed('HANDLER_TIMEOUT', `the handler did not end within ${timeoutMs} ms; its thread was replaced`)
        : failed('POOL_THREAD_DIED', 'the chat pool was closed')
    } finally {
      cancelDeadline()
    }
  }

  async #close(graceMs: number): Promise<void> {
    if (this.#runs.size > 0) await this.#sleeper.within(graceMs, Promise.all(this.#runs.values()))
    for (const abort of this.#runs.keys()) abort.abort('closed' satisfies AbortReason)
    await this.#sleeper.within(MAX_TERMINATION_MS, this.#piscina.destroy())
  }
}

/** Code of the user runs in the same thread, so even the shape of the answer is checked; `throw null` arrives as null. */
function toOutcome(answer: unknown): ChatOutcome {
  const kind = typeof answer === 'object' && answer !== null && 'kind' in answer ? answer.kind : undefined
  if (kind === 'loaded' || kind === 'handled' || kind === 'failed') return answer as ChatOutcome
  return failed('HANDLER_FAILED', 'the pool thread gave no outcome')
}

function failed(code: ErrorCode, message: string): ChatOutcome {
  return { kind: 'failed', error: fault(code, message) }
}

function fault(code: ErrorCode, message: string): ErrorRecord {
  return { code, message, retryable: ERROR_CODES[code].retryable }
}
