import { type ErrorCode, type ErrorRecord, fromErrorRecord, toErrorRecord } from '../../core/errors.ts'

/** comlink keeps only the text of an error, so results that may fail are values. */
export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: ErrorRecord }

/** What `run` resolves or rejects with, as a value that crosses the wire whole. */
export async function result<T>(run: () => T | Promise<T>, fallback: ErrorCode = 'INTERNAL'): Promise<Result<T>> {
  try {
    return { ok: true, value: await run() }
  } catch (thrown) {
    return { ok: false, error: toErrorRecord(thrown, fallback) }
  }
}

/** The other end: the value, or what was thrown over there. */
export function valueOf<T>(outcome: Result<T>): T {
  if (!outcome.ok) throw fromErrorRecord(outcome.error)
  return outcome.value
}
