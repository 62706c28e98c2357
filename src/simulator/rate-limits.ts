/** Calls per second; 0 lets any number through. */
export interface RateLimits {
  /** Messages into one chat, from all apps together. Default 5 [D]. */
  readonly perChat: number
  /** Message calls of one app. Default 50 [D]. */
  readonly perApp: number
}

export const DEFAULT_RATE_LIMITS: RateLimits = { perChat: 5, perApp: 50 }

const WINDOW_MS = 1000

/** At most `limit` calls in any second, by key; refused calls do not count. How the platform counts is unknown [A]. */
export class RateLimit {
  readonly limit: number
  readonly #clock: { now(): number }
  /** Times of the last second's calls; keys in order of their last call. */
  readonly #calls = new Map<string, number[]>()

  constructor(limit: number, clock: { now(): number }) {
    this.limit = limit
    this.#clock = clock
  }

  /** Counts a call and answers 0, or refuses it and answers in how many milliseconds one would be taken. */
  take(key: string): number {
    if (this.limit === 0) return 0
    const now = this.#clock.now()
    for (const [other, times] of this.#calls) {
      if ((times.at(-1) ?? 0) + WINDOW_MS > now) break
      this.#calls.delete(other)
    }
    const times = (this.#calls.get(key) ?? []).filter((at) => at + WINDOW_MS > now)
    const first = times[times.length - this.limit]
    if (first !== undefined) return first + WINDOW_MS - now
    this.#calls.delete(key)
    this.#calls.set(key, [...times, now])
    return 0
  }
}
