/** Wait before each retry. All durations in milliseconds. */
export interface BackoffPolicy {
  readonly firstMs: number
  readonly maxMs: number
  readonly factor: number
  /** Largest random share added to or subtracted from the delay, 0 to 1: bots that fail together must not retry together. */
  readonly jitter: number
}

/** Number of attempts, and the wait between them. */
export interface RetryPolicy {
  readonly maxAttempts: number
  readonly backoff: BackoffPolicy
}

/**
 * Delay before retry number `attempt` (1 = the first retry). Pure: `random` is a number in [0, 1).
 * The jittered delay never exceeds `maxMs` and never falls below zero.
 */
export function backoffDelayMs(attempt: number, policy: BackoffPolicy, random: number): number {
  const exponent = Math.min(Math.max(attempt, 1) - 1, 50)
  const base = Math.min(policy.maxMs, policy.firstMs * policy.factor ** exponent)
  const jittered = base * (1 + policy.jitter * (2 * random - 1))
  return Math.round(Math.min(policy.maxMs, Math.max(0, jittered)))
}
