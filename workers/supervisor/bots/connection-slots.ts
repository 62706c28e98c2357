import type { Clock } from '../../../src/core/time/clock.ts'
import { FeishuSupervisorError } from '../../../src/core/errors.ts'
import { type BotStatus, idleConnection } from '../../../src/protocol/model/status.ts'
import type { Bot } from '../../../src/store/store.ts'

export interface ConnectionSlotsDeps {
  /** Most connections that the bots of this instance may have at the same time. */
  readonly maxConnections: number
  /** Age in milliseconds at which a connection is replaced; 0: never. */
  readonly rotateEveryMs: number
  readonly clock: Clock
  readonly random: () => number
  /** Starts a bot that has a slot. */
  start(bot: Bot): void
  /** Replaces a bot's connection. Resolves when the bot has exactly one connection again. */
  rotate(botId: string, mayOverlap: boolean): Promise<void>
  /** Reports a bot without a worker; `nextStep` of the status gives the reason. */
  rests(status: BotStatus): void
}

/** Largest share by which `rotateEveryMs` is shortened at random. Connections that were opened together must not be replaced together. */
const ROTATION_JITTER = 0.1

/** Status of a bot without a worker. */
export function restingStatus({ id, name }: Bot, since: number, nextStep?: string): BotStatus {
  const child = { state: 'stopped', since, incarnation: 0, restartsInWindow: 0, restartCount: 0 } as const
  return {
    botId: id,
    name,
    child: { ...child, ...(nextStep === undefined ? {} : { nextStep }) },
    connection: idleConnection(since),
  }
}

interface Rotation {
  readonly connectedAt: number
  cancel(): void
}

/**
 * Decides which bots have a slot for their connection. A bot keeps its slot while it has a worker or will get one
 * again without an order. The other bots wait for a slot, first come first served.
 */
export class ConnectionSlots {
  readonly #deps: ConnectionSlotsDeps
  readonly #slots = new Set<string>()
  readonly #waiting = new Map<string, Bot>()
  readonly #rotations = new Map<string, Rotation>()
  /** Second connections of bots whose first connection is being replaced. */
  #overlapCount = 0
  #isClosed = false

  constructor(deps: ConnectionSlotsDeps) {
    this.#deps = deps
  }

  has(botId: string): boolean {
    return this.#slots.has(botId)
  }

  /** Takes a slot for a bot at once, before another bot can. False if the bot has a slot already. Throws `CONNECTION_LIMIT`. */
  take(botId: string): boolean {
    if (this.#slots.has(botId)) return false
    if (this.#freeCount <= 0) throw new FeishuSupervisorError('CONNECTION_LIMIT', this.#full)
    this.#slots.add(botId)
    return true
  }

  /** Frees the slot of a bot that wants no connection any more, and starts the next waiting bot. */
  leave(botId: string): void {
    this.#waiting.delete(botId)
    this.#rotations.get(botId)?.cancel()
    this.#rotations.delete(botId)
    if (this.#slots.delete(botId)) this.#startNext()
  }

  /** Starts a bot that has a slot or gets a free one; otherwise reports the reason with `rests`. */
  start(bot: Bot): void {
    const whyNot = this.#whyNot(bot)
    if (whyNot !== undefined) return this.#deps.rests(restingStatus(bot, this.#deps.clock.now(), whyNot))
    this.#waiting.delete(bot.id)
    this.#slots.add(bot.id)
    this.#deps.start(bot)
  }

  /** Frees the slot of a bot that ended for good. Schedules the rotation of a new connection. */
  changed({ botId, child, connection }: BotStatus): void {
    if (child.state !== 'stopped' && child.state !== 'failed') this.#slots.add(botId)
    else if (this.#slots.delete(botId)) this.#startNext()
    this.#scheduleRotation(botId, connection.connectedAt)
  }

  /** Stops all starts and rotations. */
  close(): void {
    this.#isClosed = true
    for (const { cancel } of this.#rotations.values()) cancel()
    this.#rotations.clear()
  }

  get #freeCount(): number {
    return this.#deps.maxConnections - this.#slots.size - this.#overlapCount
  }

  #whyNot(bot: Bot): string | undefined {
    if (!bot.enabled) return 'the bot is disabled'
    if (!bot.useWebSocket) return 'the bot is in webhook mode'
    if (this.#slots.has(bot.id) || this.#freeCount > 0) return undefined
    this.#waiting.set(bot.id, bot)
    return this.#full
  }

  get #full(): string {
    return `all ${this.#deps.maxConnections} connections of this instance are taken: the bot starts when one becomes free, or raise maxConnections (FS_MAX_CONNECTIONS)`
  }

  #startNext(): void {
    const [next] = this.#waiting.values()
    if (next !== undefined && !this.#isClosed && this.#freeCount > 0) this.start(next)
  }

  #scheduleRotation(botId: string, connectedAt: number | undefined): void {
    const { rotateEveryMs, clock, random } = this.#deps
    const scheduled = this.#rotations.get(botId)
    if (rotateEveryMs === 0 || this.#isClosed || scheduled?.connectedAt === connectedAt) return
    scheduled?.cancel()
    this.#rotations.delete(botId)
    if (connectedAt === undefined) return
    const delayMs = rotateEveryMs * (1 - ROTATION_JITTER * random())
    this.#rotations.set(botId, {
      connectedAt,
      cancel: clock.after(delayMs, () => void this.#rotate(botId, connectedAt)),
    })
  }

  async #rotate(botId: string, connectedAt: number): Promise<void> {
    const mayOverlap = this.#freeCount > 0
    if (mayOverlap) this.#overlapCount += 1
    await this.#deps.rotate(botId, mayOverlap)
    if (mayOverlap) this.#overlapCount -= 1
    this.#startNext()
    // The rotation failed: the connection is still the old one, so schedule it again.
    if (this.#rotations.get(botId)?.connectedAt !== connectedAt) return
    this.#rotations.delete(botId)
    this.#scheduleRotation(botId, connectedAt)
  }
}
