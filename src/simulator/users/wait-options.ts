/** How long a script waits for something a bot should do. */
export interface WaitOptions {
  /** Default 5000. */
  readonly timeoutMs?: number
}

export const DEFAULT_WAIT_MS = 5000
