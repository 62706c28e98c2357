import type { Clock } from '../../core/time/clock.ts'

export interface OutboundLimitsOptions {
  readonly perChatPerSecond: number
  readonly perBotPerSecond: number
  /** Where a bot has another limit now. */
  readonly ofBot?: (botId: string) => number | undefined
  readonly clock: Pick<Clock, 'now'>
}

/**
 * How long a used token is away: a second, and what two calls may differ on their way. So no second
 * of Feishu's holds more than the limit, wherever that second begins.
 */
const TOKEN_AWAY_MS = 1_050

/**
 * Feishu's limits on messages, kept before they are hit: so many per second into one chat, from all
 * bots together, and so many per second of one bot. Each limit is a bucket of that many tokens; the
 * full bucket is the burst.
 */
export class OutboundLimits {
  readonly #chats: Buckets
  readonly #bots: Buckets

  constructor({ perChatPerSecond, perBotPerSecond, ofBot, clock }: OutboundLimitsOptions) {
    this.#chats = new Buckets(() => perChatPerSecond, clock)
    this.#bots = new Buckets((botId) => ofBot?.(botId) ?? perBotPerSecond, clock)
  }

  /**
   * Takes a token of both buckets and answers 0, or takes none and answers in how many milliseconds to ask
   * again. Nothing is reserved, so whoever waits may leave, and a full chat keeps no token of its bots.
   */
  take(botId: string, chatId: string): number {
    const waitMs = Math.max(this.#chats.waitMs(chatId), this.#bots.waitMs(botId))
    if (waitMs > 0) return waitMs
    this.#chats.take(chatId)
    this.#bots.take(botId)
    return 0
  }

  /** Feishu asked for a pause. */
  pauseBot(botId: string, ms: number): void {
    this.#bots.pause(botId, ms)
  }

  pauseChat(chatId: string, ms: number): void {
    this.#chats.pause(chatId, ms)
  }

  /** Buckets in memory: those of the last second, and the paused. */
  get size(): number {
    return this.#chats.size + this.#bots.size
  }
}

class Buckets {
  readonly #rateOf: (key: string) => number
  readonly #clock: Pick<Clock, 'now'>
  /** When each token that is away was taken, oldest first; the buckets in order of their last use. */
  readonly #taken = new Map<string, number[]>()
  readonly #pausedUntil = new Map<string, number>()

  constructor(rateOf: (key: string) => number, clock: Pick<Clock, 'now'>) {
    this.#rateOf = rateOf
    this.#clock = clock
  }

  get size(): number {
    return this.#taken.size + this.#pausedUntil.size
  }

  waitMs(key: string): number {
    const now = this.#clock.now()
    const pauseMs = (this.#pausedUntil.get(key) ?? now) - now
    const taken = this.#away(key, now)
    const first = taken[taken.length - this.#rateOf(key)]
    const tokenMs = first === undefined ? 0 : first + TOKEN_AWAY_MS - now
    return Math.max(0, pauseMs, tokenMs)
  }

  take(key: string): void {
    const now = this.#clock.now()
    const taken = this.#away(key, now)
    taken.push(now)
    this.#taken.delete(key)
    this.#taken.set(key, taken)
    this.#dropIdle(now)
  }

  pause(key: string, ms: number): void {
    const now = this.#clock.now()
    for (const [other, until] of this.#pausedUntil) if (until <= now) this.#pausedUntil.delete(other)
    this.#pausedUntil.set(key, Math.max(now + ms, this.#pausedUntil.get(key) ?? 0))
  }

  /** A bucket with all its tokens is as good as a new one. In order of use, so each is looked at about once. */
  #dropIdle(now: number): void {
    for (const [key, taken] of this.#taken) {
      if (isAway(taken.at(-1), now)) return
      this.#taken.delete(key)
    }
  }

  #away(key: string, now: number): number[] {
    const taken = this.#taken.get(key) ?? []
    const firstAway = taken.findIndex((at) => isAway(at, now))
    taken.splice(0, firstAway < 0 ? taken.length : firstAway)
    return taken
  }
}

/** A token taken in the future was taken before the clock was set back: it counts as returned. */
function isAway(takenAt: number | undefined, now: number): boolean {
  return takenAt !== undefined && takenAt <= now && takenAt + TOKEN_AWAY_MS > now
}
