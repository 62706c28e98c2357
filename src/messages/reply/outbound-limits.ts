import type { Clock } from '../../core/time/clock.ts'

export interface OutboundLimitsOptions {
  readonly perChatPerSecond: number
  readonly perBotPerSecond: number
  /** Returns the bot's own limit of messages per second. Undefined: `perBotPerSecond` counts. */
  readonly ofBot?: (botId: string) => number | undefined
  readonly clock: Pick<Clock, 'now'>
}

/**
 * Time until a used token returns: one second, and the difference that two calls may have in transit. So no second
 * on Feishu's side holds more calls than the limit, wherever that second begins.
 */
const TOKEN_AWAY_MS = 1_050

/**
 * Keeps Feishu's limits on messages, so that Feishu does not have to refuse any. One limit is per chat and second,
 * for all bots together; the other is per bot and second. Each limit is a bucket of that many tokens. The full bucket
 * is the burst.
 */
export class OutboundLimits {
  readonly #chats: Buckets
  readonly #bots: Buckets

  constructor({ perChatPerSecond, perBotPerSecond, ofBot, clock }: OutboundLimitsOptions) {
    this.#chats = new Buckets(() => perChatPerSecond, clock)
    this.#bots = new Buckets((botId) => ofBot?.(botId) ?? perBotPerSecond, clock)
  }

  /**
   * Takes a token of both buckets and returns 0. Otherwise takes none and returns the milliseconds until the next
   * try. No token is reserved: a waiting caller may give up, and a chat at its limit holds no token of its bots.
   */
  take(botId: string, chatId: string): number {
    const waitMs = Math.max(this.#chats.waitMs(chatId), this.#bots.waitMs(botId))
    if (waitMs > 0) return waitMs
    this.#chats.take(chatId)
    this.#bots.take(botId)
    return 0
  }

  /** Pauses a bot because Feishu asked for it. */
  pauseBot(botId: string, ms: number): void {
    this.#bots.pause(botId, ms)
  }

  pauseChat(chatId: string, ms: number): void {
    this.#chats.pause(chatId, ms)
  }

  /** Number of buckets in memory: those used in the last second, and the paused ones. */
  get size(): number {
    return this.#chats.size + this.#bots.size
  }
}

class Buckets {
  readonly #rateOf: (key: string) => number
  readonly #clock: Pick<Clock, 'now'>
  /** Times at which the used tokens were taken, oldest first. Buckets are in order of their last use. */
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

  /** Drops full buckets: a full bucket equals a new one. Buckets are in order of use, so each is checked about once. */
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

/**
 * True while a token is in use. A token taken in the future was taken before the clock was set back: it counts as
 * returned.
 */
function isAway(takenAt: number | undefined, now: number): boolean {
  return takenAt !== undefined && takenAt <= now && takenAt + TOKEN_AWAY_MS > now
}
