/** What a `HandlerError` says beside its message. */
export interface HandlerErrorOptions {
  /** False: the message becomes a dead letter now (`gave_up`), without another run. Default: true. */
  readonly retryable?: boolean | undefined
  /** Shortest wait before the next run, in milliseconds. Default: the backoff of `messages.backoff`. */
  readonly retryAfterMs?: number | undefined
}

/**
 * Thrown by a handler to say how its message goes on. Any error with the same two fields counts as well, so a handler
 * may throw an error of its own class.
 *
 * ```js
 * throw new HandlerError('the backend is full', { retryAfterMs: 30_000 })
 * ```
 */
export class HandlerError extends Error {
  override readonly name = 'HandlerError'
  /** Whether the handler may run again for this message. */
  readonly retryable: boolean
  /** Shortest wait before the next run, in milliseconds. */
  readonly retryAfterMs?: number

  constructor(message: string, { retryable = true, retryAfterMs }: HandlerErrorOptions = {}) {
    super(message)
    this.retryable = retryable
    if (retryAfterMs !== undefined) this.retryAfterMs = retryAfterMs
  }
}
