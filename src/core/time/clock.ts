/** Time as a dependency, so that tests control it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Calls `run` once after `delayMs`. The returned function cancels the call and may be called at any time. */
  after(delayMs: number, run: () => void): () => void
}

/** setTimeout accepts at most 2^31-1 ms and fires at once above that. */
const MAX_DELAY_MS = 2_147_483_647

export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, Math.min(Math.max(0, delayMs), MAX_DELAY_MS))
    return () => clearTimeout(timer)
  },
}
