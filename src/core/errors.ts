import { ERROR_CODES } from './error-codes.ts'

/**
 * The errors of this package. Callers match `error.code`: codes survive a thread boundary and two installed copies,
 * classes do not.
 */

export { ERROR_CODES }

export type ErrorCode = keyof typeof ERROR_CODES

/** The only error class. Its message says what happened, to which bot or field, and what to do. */
export class FeishuSupervisorError extends Error {
  override readonly name = 'FeishuSupervisorError'
  readonly code: ErrorCode
  /** Whether the same call may succeed later without any change. */
  readonly retryable: boolean

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; retryable?: boolean } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retryable = options.retryable ?? ERROR_CODES[code].retryable
  }
}

/** An error that crosses a thread or is stored: plain data, no class, no secrets. */
export interface ErrorRecord {
  readonly code: ErrorCode
  readonly message: string
  readonly retryable: boolean
  /** Frames of an error that ended a thread, one per line. Our frames name file and line of the source. */
  readonly stack?: string
}

/** Builds an `ErrorRecord`. `retryable` comes from the table of codes. */
export function errorRecord(code: ErrorCode, message: string, stack?: string): ErrorRecord {
  return { code, message, retryable: ERROR_CODES[code].retryable, ...(stack === undefined ? {} : { stack }) }
}

/** Converts any thrown value, including `null`, symbols and objects that cannot be cloned. */
export function toErrorRecord(thrown: unknown, fallback: ErrorCode = 'INTERNAL'): ErrorRecord {
  if (thrown instanceof FeishuSupervisorError) {
    return { code: thrown.code, message: thrown.message, retryable: thrown.retryable }
  }
  return errorRecord(fallback, errorText(thrown))
}

export function fromErrorRecord(record: ErrorRecord): FeishuSupervisorError {
  return new FeishuSupervisorError(record.code, record.message, { retryable: record.retryable })
}

/** The text of any thrown value. Never throws. */
export function errorText(thrown: unknown): string {
  try {
    if (thrown instanceof Error) return thrown.message || thrown.name
    return String(thrown)
  } catch {
    return 'the thrown value cannot be printed'
  }
}
