/** How the wait grows from one retry to the next. The option that holds it says its defaults. */
export interface BackoffOptions {
  /** Wait before the first retry, milliseconds. */
  readonly firstMs?: number | undefined
  /** Longest wait, milliseconds. */
  readonly maxMs?: number | undefined
  /** Each wait is this many times the wait before it, 1 to 10. */
  readonly factor?: number | undefined
  /** Largest share of a wait that is added or taken away at random, 0 to 1. Without it bots that fell together would return together. */
  readonly jitter?: number | undefined
}
