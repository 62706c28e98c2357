import { type ErrorRecord, errorRecord, errorText } from '../errors.ts'

/**
 * Why a worker ended. `shutdown` was requested. `killed`, `hung` and `start_timeout` were ordered. The rest are
 * faults. Another start does not help after `rejected`: the worker cannot run with its settings.
 */
export type ExitReason =
  | 'normal'
  | 'shutdown'
  | 'crashed'
  | 'out_of_memory'
  | 'hung'
  | 'start_failed'
  | 'start_timeout'
  | 'killed'
  | 'rejected'

/** Codes of thrown errors that name the reason. */
const REASON_OF_CODE: Readonly<Record<string, ExitReason>> = {
  ERR_WORKER_OUT_OF_MEMORY: 'out_of_memory',
  MEMORY_EXCEEDED: 'out_of_memory',
  CONFIG_INVALID: 'rejected',
}

/** The end of a thread as Node reports it. */
export interface ObservedExit {
  readonly exitCode: number
  /** The value that the thread threw, of any type, even `null`. Absent if it did not throw. */
  readonly thrown?: { readonly value: unknown; readonly stack?: string | undefined }
}

/**
 * Names the reason of an exit that was not ordered. The child table remembers orders; they are never inferred here:
 * Node uses exit code 1 both for a throw and for terminate().
 */
export function classifyExit(exit: ObservedExit, wasReady: boolean): ExitReason {
  const value = exit.thrown?.value
  const code = typeof value === 'object' && value !== null && 'code' in value ? String(value.code) : ''
  const named = Object.hasOwn(REASON_OF_CODE, code) ? REASON_OF_CODE[code] : undefined
  if (named === 'out_of_memory' || (named !== undefined && !wasReady)) return named
  if (!wasReady) return 'start_failed'
  return exit.exitCode === 0 && exit.thrown === undefined ? 'normal' : 'crashed'
}

/** The error behind an exit as plain data. Threads may throw values that cannot be printed or cloned. */
export function exitError(exit: ObservedExit): ErrorRecord | undefined {
  if (exit.thrown === undefined) return undefined
  return errorRecord('WORKER_UNREACHABLE', errorText(exit.thrown.value), exit.thrown.stack)
}
