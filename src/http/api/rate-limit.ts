import { RequestRefused } from './problem.ts'

export interface RateLimitOptions {
  /** In the long run. */
  readonly perSecond: number
  /** So many at once. */
  readonly burst: number
}

interface Bucket {
  at: number
  left: number
}

/** Above it the ones that are idle are forgotten. */
const MOST_BUCKETS = 10_000

/** A token bucket per key. What is refused does not count. */
export class RateLimit {
  readonly #options: RateLimitOptions
  readonly #buckets = new Map<string, Bucket>()

  constructor(options: RateLimitOptions) {
    this.#options = options
  }

  /** Throws a 429 that says when to come again. `now` in milliseconds, of a clock that never goes back. */
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
