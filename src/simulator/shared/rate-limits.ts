/** Limits in calls per second unless another unit is named. 0: no limit. */
export interface RateLimits {
  /** Messages into one chat, from all apps together. [D] Default: 5 per second. */
  readonly perChat: number
  /** Calls of one API by one app; posts of all kinds count together. [D] Default: 50 per second. */
  readonly perApp: number
  /** The same per minute. [D] Default: 1 000 per minute. */
  readonly perAppMinute: number
  /** New contents of one card message. [D] Default: 5 per second. */
  readonly perMessage: number
}

export const DEFAULT_RATE_LIMITS: RateLimits = { perChat: 5, perApp: 50, perAppMinute: 1000, perMessage: 5 }

/** Allows at most `limit` calls in any window, by key. Refused calls do not count. The platform's way of counting is unknown [A]. */
export class CallLimit {
  readonly limit: number
  readonly #clock: { now(): number }
  readonly #windowMs: number
  /** Times of the calls in the last window. Keys are in order of their last call. */
  readonly #calls = new Map<string, number[]>()

  constructor(limit: number, clock: { now(): number }, windowMs = 1000) {
    this.limit = limit
    this.#clock = clock
    this.#windowMs = windowMs
  }

  /** Counts a call and returns 0, or refuses it and returns the wait until a call is allowed, milliseconds. */
  take(key: string): number {
    if (this.limit === 0) return 0
    const now = this.#clock.now()
    for (const [other, times] of this.#calls) {
      if ((times.at(-1) ?? 0) + this.#windowMs > now) break
      this.#calls.delete(other)
    }
    const times = (this.#calls.get(key) ?? []).filter((at) => at + this.#windowMs > now)
    const first = times[times.length - this.limit]
    if (first !== undefined) return first + this.#windowMs - now
    this.#calls.delete(key)
    this.#calls.set(key, [...times, now])
    return 0
  }
}
