import { RequestRefused } from './problem.ts'

export interface RateLimitOptions {
  /** Average rate. */
  readonly perSecond: number
  /** Most calls at once. */
  readonly burst: number
}

interface Bucket {
  at: number
  left: number
}

/** Number of buckets above which all are dropped. */
const MOST_BUCKETS = 10_000

/** Token bucket per key. Refused calls do not count. */
export class RateLimit {
  readonly #options: RateLimitOptions
  readonly #buckets = new Map<string, Bucket>()

  constructor(options: RateLimitOptions) {
    this.#options = options
  }

  /** Counts a call. Throws a 429 with the time of the next allowed call. `now`: milliseconds of a monotonic clock. */
  take(key: string, what: string, now: number = performance.now()): void {
    const { perSecond, burst } = this.#options
    const bucket = this.#buckets.get(key) ?? { at: now, left: burst }
    bucket.left = Math.min(burst, bucket.left + ((now - bucket.at) / 1_000) * perSecond)
    bucket.at = now
    if (this.#buckets.size > MOST_BUCKETS) this.#buckets.clear()
    this.#buckets.set(key, bucket)
    if (bucket.left < 1) {
      const seconds = Math.ceil((1 - bucket.left) / perSecond)
      throw new RequestRefused(429, `too many ${what}: at most ${perSecond} per second, come again in ${seconds} s`, {
        'retry-after': String(seconds),
      })
    }
    bucket.left -= 1
  }
}
