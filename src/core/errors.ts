/**
 * The errors of this package. Callers match `error.code`: codes survive a thread boundary and two installed copies,
 * classes do not.
 */

/** Every code that this package throws or reports, with the party that can fix it. */
export const ERROR_CODES = {
  CONFIG_INVALID: { actor: 'developer', retryable: false },
  BOT_NOT_FOUND: { actor: 'operator', retryable: false },
  BOTS_OWNED_BY_HOST: { actor: 'operator', retryable: false },
  BOT_SOURCE_FAILED: { actor: 'developer', retryable: true },
  BOT_EXISTS: { actor: 'operator', retryable: false },
  CREDENTIALS_REJECTED: { actor: 'operator', retryable: false },
  DATA_DIR_IN_USE: { actor: 'operator', retryable: false },
  DATA_DIR_UNUSABLE: { actor: 'operator', retryable: false },
  MASTER_KEY_WRONG: { actor: 'operator', retryable: false },
  PORT_UNAVAILABLE: { actor: 'operator', retryable: false },
  HANDLER_UNLOADABLE: { actor: 'developer', retryable: false },
  HANDLER_FAILED: { actor: 'developer', retryable: true },
  HANDLER_GAVE_UP: { actor: 'developer', retryable: false },
  POOL_THREAD_DIED: { actor: 'developer', retryable: true },
  HANDLER_TIMEOUT: { actor: 'developer', retryable: true },
  STORE_UNAVAILABLE: { actor: 'operator', retryable: true },
  WORKER_UNREACHABLE: { actor: 'supervisor', retryable: true },
  SUPERVISOR_DOWN: { actor: 'supervisor', retryable: true },
  MEMORY_EXCEEDED: { actor: 'developer', retryable: true },
  INTAKE_FULL: { actor: 'supervisor', retryable: true },
  DEADLINE_EXCEEDED: { actor: 'supervisor', retryable: true },
  CONNECTION_FAILED: { actor: 'network', retryable: true },
  CONNECTION_LIMIT: { actor: 'operator', retryable: true },
  REPLY_FAILED: { actor: 'network', retryable: true },
  REPLY_REFUSED: { actor: 'operator', retryable: false },
  PAYLOAD_TOO_LARGE: { actor: 'operator', retryable: false },
  OUTCOME_UNKNOWN: { actor: 'operator', retryable: false },
  TOKEN_NOT_FOUND: { actor: 'operator', retryable: false },
  DEAD_LETTER_NOT_FOUND: { actor: 'operator', retryable: false },
  MESSAGE_EXPIRED: { actor: 'operator', retryable: false },
  INTERNAL: { actor: 'us', retryable: false },
} as const satisfies Record<string, { actor: string; retryable: boolean }>

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
