/** Limit of a wait for an action of a bot. */
export interface WaitOptions {
  /** Milliseconds. Default 5000. */
  readonly timeoutMs?: number
}

export const DEFAULT_WAIT_MS = 5000
