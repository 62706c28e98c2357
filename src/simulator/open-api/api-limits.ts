import type { ApiCallName } from '../faults/fault.ts'
import { CallLimit, type RateLimits } from '../shared/rate-limits.ts'

const MINUTE_MS = 60_000
/** Documented limits below the usual one, calls per second. [D] */
const SLOW_CALLS: Partial<Record<ApiCallName, number>> = { connections: 10 }

/** Limits the calls of an app per second and per minute, by API. All posts count together. [D] */
export class ApiLimits {
  readonly #perSecond: CallLimit
  readonly #perMinute: CallLimit
  readonly #slow: ReadonlyMap<ApiCallName, CallLimit>

  constructor({ perApp, perAppMinute }: RateLimits, clock: { now(): number }) {
    this.#perSecond = new CallLimit(perApp, clock)
    this.#perMinute = new CallLimit(perAppMinute, clock, MINUTE_MS)
    this.#slow = new Map(
      Object.entries(SLOW_CALLS).map(([call, limit]) => [
        call as ApiCallName,
        new CallLimit(perApp === 0 ? 0 : limit, clock),
      ]),
    )
  }

  /** Counts a call, or returns the wait and the limit that was reached. */
  take(call: ApiCallName, appId: string): { readonly waitMs: number; readonly limit: number } {
    const key = `${call === 'reply' ? 'create' : call} ${appId}`
    for (const limit of [this.#slow.get(call) ?? this.#perSecond, this.#perMinute]) {
      const waitMs = limit.take(key)
      if (waitMs > 0) return { waitMs, limit: limit.limit }
    }
    return { waitMs: 0, limit: 0 }
  }
}
