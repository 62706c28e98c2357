import { availableParallelism } from 'node:os'
import type { Clock } from '../../core/time/clock.ts'
import { blame } from './blame.ts'
import { place } from './placement.ts'
import { PoolThread, type PoolThreadOptions, type ThreadPort } from './pool-thread.ts'

export interface ChatPoolOptions {
  /** The built file every thread runs. */
  readonly filename: string
  /** Threads that runs share. Default: as many as the machine has cores, 2 to 8. */
  readonly threads?: number
  /** Runs at a time in all threads together. Default 1 024, and no more than all threads may have. */
  readonly concurrency?: number
  /** Runs at a time in one thread. Default 512. */
  readonly runsPerThread?: number
  /** A thread whose event loop stands still for so long is ended, milliseconds. Default 10 000. */
  readonly handlerHangMs?: number
  /** Memory of one thread, see MemoryBudget. */
  readonly threadMemoryMb: number
  /** What handlers may ask for by name. */
  readonly secrets: Readonly<Record<string, string>>
  /** A thread is replaced after so many runs: what handlers leave behind in it goes with it. */
  readonly threadMaxTasks: number
  readonly clock: Clock
  /** A thread died, or something was thrown in it, and no run is known that did it; the thread is replaced. */
  readonly onIdleDeath: (thrown: unknown) => void
  /** A thread could not be ended: it sits in native code. `stuck` of them do. */
  readonly onStuck: (stuck: number) => void
  /** A thread that was ended is gone. */
  readonly onFreed: () => void
  /** Runs of a handler were together too big for a thread; none of them is to blame. */
  readonly onCrowded?: (crowded: CrowdedHandler) => void
  /** Default: a real thread. */
  readonly makeThread?: (options: PoolThreadOptions) => ThreadPort
  readonly rules?: PoolRules
}

/** What decides. Tests put bugs in their place. */
export interface PoolRules {
  readonly blame: typeof blame
  readonly place: typeof place
}

export interface CrowdedHandler {
  /** Path of its module, or name of a built-in. */
  readonly handler: string
  /** So many runs of it a thread has at most from now on. */
  readonly runsPerThread: number
  /** Until then, milliseconds since the epoch. */
  readonly untilAt: number
}

export type ChatPoolSettings = Required<ChatPoolOptions>

export function withDefaults(options: ChatPoolOptions): ChatPoolSettings {
  const threads = options.threads ?? Math.min(8, Math.max(2, availableParallelism()))
  const runsPerThread = options.runsPerThread ?? 512
  return {
    handlerHangMs: 10_000,
    onCrowded: () => {},
    makeThread: (thread) => new PoolThread(thread),
    rules: { blame, place },
    ...options,
    threads,
    runsPerThread,
    concurrency: Math.min(options.concurrency ?? 1_024, threads * runsPerThread),
  }
}
