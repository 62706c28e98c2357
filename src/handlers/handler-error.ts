/**
 * What a handler throws says by two fields how it goes on: `retryable: false` makes the message a dead letter
 * now, `retryAfterMs` waits at least so long before the next run.
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
