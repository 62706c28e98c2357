import { type ErrorRecord, errorText } from './errors.ts'

/** Why a thread ended. `shutdown` was asked for, `killed` and `start_timeout` were ordered, the rest are faults. */
export type ExitReason =
  | 'normal'
  | 'shutdown'
  | 'crashed'
  | 'out_of_memory'
  | 'start_failed'
  | 'start_timeout'
  | 'killed'

/** What Node tells about the end of a thread. */
export interface ObservedExit {
  readonly exitCode: number
  /** What the thread threw, if it threw; anything, even `null`. */
  readonly thrown?: { readonly value: unknown }
}

/**
 * Names the end of a thread that nobody ordered. Orders are remembered by the child table and
 * never inferred here: Node uses exit code 1 for a throw and for terminate() alike.
 */
export function classifyExit(exit: ObservedExit, wasReady: boolean): ExitReason {
  const value = exit.thrown?.value
  if (typeof value === 'object' && value !== null && 'code' in value && value.code === 'ERR_WORKER_OUT_OF_MEMORY') {
    return 'out_of_memory'
  }
  if (!wasReady) return 'start_failed'
  return exit.exitCode === 0 && exit.thrown === undefined ? 'normal' : 'crashed'
}

/** The error behind an exit as plain data; threads may throw values that cannot be printed or cloned. */
export function exitError(exit: ObservedExit): ErrorRecord | undefined {
  if (exit.thrown === undefined) return undefined
  return { code: 'WORKER_UNREACHABLE', message: errorText(exit.thrown.value), retryable: true }
}
