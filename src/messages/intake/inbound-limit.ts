export interface InboundLimitOptions {
  /** Events of one bot that may begin per second in the long run. */
  readonly perSecond: number
  /** Events above that rate that may begin at once. */
  readonly burst: number
}

interface Bucket {
  at: number
  /** Events taken in and not yet paid for by time. Above `burst` they wait. */
  level: number
}

/**
 * Limits how fast the events of one bot may begin: a token bucket per bot. Events over the limit are delayed, not
 * refused, so that a flood of one bot reaches the handlers at a steady pace. Pure: the caller brings the time.
 */
export class InboundLimit {
  readonly #options: InboundLimitOptions
  readonly #of: (botId: string) => Partial<InboundLimitOptions>
  readonly #buckets = new Map<string, Bucket>()

  /** `of` returns the options that a bot overrides now. Default: none. */
  constructor(options: InboundLimitOptions, of: (botId: string) => Partial<InboundLimitOptions> = () => ({})) {
    this.#options = options
    this.#of = of
  }

  /**
   * Counts one event of the bot and returns in how many milliseconds it may begin. It never begins before the previous
   * event.
   */
  take(botId: string, now: number): number {
    const { perSecond, burst } = { ...this.#options, ...this.#of(botId) }
    const bucket = this.#buckets.get(botId) ?? { at: now, level: 0 }
    // A clock that was set back pays for no events, and no event waits for the difference.
    const paid = (Math.max(0, now - bucket.at) / 1_000) * perSecond
    bucket.level = Math.max(0, bucket.level - paid) + 1
    bucket.at = now
    this.#buckets.set(botId, bucket)
    return Math.max(0, Math.ceil(((bucket.level - burst) / perSecond) * 1_000))
  }
}
