import { ERROR_CODES } from './error-codes.ts'

/**
 * The errors of this package. Callers match `error.code`: classes do not survive a thread
 * boundary or two installed copies, codes do.
 */

export { ERROR_CODES }

export type ErrorCode = keyof typeof ERROR_CODES

/** The one error class; its message says what happened, to which bot or field, and what to do. */
export class FeishuSupervisorError extends Error {
  override readonly name = 'FeishuSupervisorError'
  readonly code: ErrorCode
  /** Whether the same call may succeed later without anybody changing anything. */
  readonly retryable: boolean

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; retryable?: boolean } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retryable = options.retryable ?? ERROR_CODES[code].retryable
  }
}

/** An error as it crosses a thread or is stored: plain data, no class, no secrets. */
export interface ErrorRecord {
  readonly code: ErrorCode
  readonly message: string
  readonly retryable: boolean
  /** Only of an error that ended a thread: its frames, one per line, ours by file and line of the source. */
  readonly stack?: string
}

/** Whether it is worth another try stands in the table of codes. */
export function errorRecord(code: ErrorCode, message: string, stack?: string): ErrorRecord {
  return { code, message, retryable: ERROR_CODES[code].retryable, ...(stack === undefined ? {} : { stack }) }
}

/** Describes anything that was thrown, including `null`, symbols and objects that cannot be cloned. */
export function toErrorRecord(thrown: unknown, fallback: ErrorCode = 'INTERNAL'): ErrorRecord {
  if (thrown instanceof FeishuSupervisorError) {
    return { code: thrown.code, message: thrown.message, retryable: thrown.retryable }
  }
  return errorRecord(fallback, errorText(thrown))
}

export function fromErrorRecord(record: ErrorRecord): FeishuSupervisorError {
  return new FeishuSupervisorError(record.code, record.message, { retryable: record.retryable })
}

/** The text of anything thrown; never throws itself. */
export function errorText(thrown: unknown): string {
  try {
    if (thrown instanceof Error) return thrown.message || thrown.name
    return String(thrown)
  } catch {
    return 'a value that cannot be printed was thrown'
  }
}
