import { type ErrorCode, type ErrorRecord, fromErrorRecord, toErrorRecord } from '../../core/errors.ts'

/** Outcome of a call that may fail, as a value: comlink keeps only the text of an error. */
export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: ErrorRecord }

/** Calls `run` and returns its value or error as a `Result`, which crosses a port whole. */
export async function result<T>(run: () => T | Promise<T>, fallback: ErrorCode = 'INTERNAL'): Promise<Result<T>> {
  try {
    return { ok: true, value: await run() }
  } catch (thrown) {
    return { ok: false, error: toErrorRecord(thrown, fallback) }
  }
}

/** Returns the value of a `Result`, or throws its error. */
export function valueOf<T>(outcome: Result<T>): T {
  if (!outcome.ok) throw fromErrorRecord(outcome.error)
  return outcome.value
}
