import type { ErrorRecord } from '../errors.ts'
import type { ExitReason, ObservedExit } from './exit-reason.ts'
import type { RestartPolicy } from './restart-policy.ts'

/**
 * Lifecycle of one supervised thread over all its incarnations, as a pure table. The supervisor runs it for each bot
 * worker, the handle for the supervisor thread.
 *
 * A child has at most one thread: `spawn` is only an effect of leaving a state without a thread (stopped, restarting,
 * failed), and those states are only entered when the thread has ended or was given up. Only native code outlives the
 * order to end, so a thread that was given up runs no line of JavaScript any more.
 */
export type ChildState =
  | { readonly name: 'stopped'; readonly since: number }
  | ({ readonly name: 'starting'; readonly since: number; readonly ordered?: ExitReason } & ChildEnding)
  | ({ readonly name: 'running'; readonly since: number; readonly ordered?: ExitReason } & ChildEnding)
  /** `isWanted`: a start was requested meanwhile, so the child starts again when its thread has ended. */
  | ({ readonly name: 'stopping'; readonly since: number; readonly isWanted: boolean } & ChildEnding)
  | { readonly name: 'restarting'; readonly since: number; readonly startAt: number }
  /** `isCrowded`: too many threads were given up; the child starts again when one of them ends. */
  | { readonly name: 'failed'; readonly since: number; readonly why: string; readonly isCrowded?: boolean }

/** What is known of a thread that was ordered to end. */
export interface ChildEnding {
  /** Since when its event loop stands still, if that is why. */
  readonly hungSince?: number
  /** When it is given up. Absent: never. */
  readonly giveUpAt?: number
}

/** A thread that was given up and has not ended. */
export interface StuckThread {
  readonly incarnation: number
  /** Since when it hangs, or when it was ordered to end. */
  readonly since: number
}

/** Rules for one child: `RestartPolicy`, and what to do with threads that do not end. */
export interface ChildPolicy extends RestartPolicy {
  /** Longest end of a thread. After it the thread is given up, milliseconds. Absent: it is waited for without limit. */
  readonly endTimeoutMs?: number
  /** With so many threads that were given up the child gets no further one. Default: no limit. */
  readonly mostStuck?: number
}

export interface Child {
  readonly state: ChildState
  readonly incarnation: number
  /** Instants of restarts that may still count against the intensity, milliseconds since the epoch. */
  readonly restartedAt: readonly number[]
  readonly restartCount: number
  /** Number of restarts in a row without a stable run between them. */
  readonly attempt: number
  readonly lastExit?: LastExit
  /** Threads that were given up and have not ended, oldest first. */
  readonly stuck: readonly StuckThread[]
}

export type ChildEvent =
  | { readonly kind: 'start' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'due' }
  | { readonly kind: 'exited'; readonly exit: ObservedExit }
  /** A thread that was given up has ended after all. */
  | { readonly kind: 'released'; readonly incarnation: number }
  | { readonly kind: 'stop' }
  /** An operator wants a new thread now. Ends the present thread first, releases a failed child, forgets past restarts. */
  | { readonly kind: 'restart' }
  /** Ends the thread as a crash would. The restart policy applies. `hungSince`: since when its event loop stands still. */
  | { readonly kind: 'kill'; readonly reason: 'killed' | 'hung'; readonly hungSince?: number }

export type ChildEffect =
  | { readonly kind: 'spawn'; readonly incarnation: number }
  | { readonly kind: 'terminate' }
  /** The thread counts as gone from now on. When it ends, `released` is delivered. */
  | { readonly kind: 'give_up' }
  /** Delivers `due` at that time. Replaces an earlier schedule. */
  | { readonly kind: 'schedule'; readonly at: number }
  | { readonly kind: 'unschedule' }

export interface LastExit {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly reason: ExitReason
  readonly exitCode: number
  readonly error?: ErrorRecord
}

/** The present thread was ordered to end. What it told last is not the present. */
export function isEnding({ state }: Child): boolean {
  return state.name === 'stopping' || ('ordered' in state && state.ordered !== undefined)
}
