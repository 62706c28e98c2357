/**
 * Error of a handler. Two fields decide how the event goes on: `retryable: false` (default true) makes it a dead letter
 * now; `retryAfterMs` is the shortest wait before the next run, milliseconds (default: the retry policy).
 */
export class HandlerError extends Error {
  override readonly name = 'HandlerError'
  readonly retryable: boolean
  readonly retryAfterMs?: number

  constructor(
    message: string,
    { retryable = true, retryAfterMs }: { retryable?: boolean; retryAfterMs?: number | undefined } = {},
  ) {
    super(message)
    this.retryable = retryable
    if (retryAfterMs !== undefined) this.retryAfterMs = retryAfterMs
  }
}
