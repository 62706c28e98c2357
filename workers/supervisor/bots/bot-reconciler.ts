import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../../src/core/time/clock.ts'
import { FeishuSupervisorError } from '../../../src/core/errors.ts'
import { revealed } from '../../../src/core/log/secret.ts'
import type { ResolvedConnectionOptions } from '../../../src/protocol/options/connection-options.ts'
import type { BotReport, BotStatus } from '../../../src/protocol/model/status.ts'
import type { Bot, StoredBotChange, BotStore } from '../../../src/store/store.ts'
import type { Supervisor } from '../../../src/supervisor/supervisor.ts'
import { obstacleOf, toRecord, toSpec, wantsConnection } from './bot-record.ts'
import type { BotRegistry } from './bot-registry.ts'
import { ConnectionSlots, restingStatus } from './connection-slots.ts'

export interface BotReconcilerDeps {
  readonly registry: BotRegistry
  readonly supervisor: Supervisor
  /** Throws `STORE_UNAVAILABLE` while no store is open. */
  store(): Pick<BotStore, 'list' | 'recordOpenId'>
  readonly connection: ResolvedConnectionOptions
  readonly maxConnections: number
  /** Names of the handlers that bots may have. */
  readonly handlers: readonly string[]
  readonly clock: Clock
  readonly random: () => number
  /** Reports that the record or the status of a bot has changed. */
  changed(report: BotReport): void
  removed(botId: string): void
}

/**
 * Makes the workers match the bot records. Every enabled bot has a worker; replies need the worker in webhook mode
 * too. A bot in long connection mode has a connection if it has a connection slot.
 */
export class BotReconciler {
  readonly #deps: BotReconcilerDeps
  readonly #slots: ConnectionSlots
  /** Status of each bot without a worker, by bot id. */
  readonly #resting = new Map<string, BotStatus>()

  constructor(deps: BotReconcilerDeps) {
    this.#deps = deps
    const { maxConnections, connection, supervisor, clock, random } = deps
    this.#slots = new ConnectionSlots({
      maxConnections,
      rotateEveryMs: connection.rotateEveryMs,
      clock,
      random,
      start: (bot) => {
        this.#resting.delete(bot.id)
        supervisor.start(toSpec(bot, connection), true)
        this.#emitReport(bot)
      },
      rotate: (botId, mayOverlap) => supervisor.rotate(botId, mayOverlap, rotationDeadlineMs(connection)),
      rests: (status) => this.#resting.set(status.botId, status),
    })
  }

  get reports(): BotReport[] {
    return this.#deps.registry.all().map((bot) => this.#report(bot, this.statusOf(bot)))
  }

  statusOf(bot: Bot): BotStatus {
    const { supervisor, clock } = this.#deps
    return supervisor.status(bot.id) ?? this.#resting.get(bot.id) ?? restingStatus(bot, clock.now())
  }

  /** Starts all stored bots. */
  async open(): Promise<void> {
    const { registry, store } = this.#deps
    const bots = await store().list()
    for (const bot of bots) registry.set(bot)
    registry.known()
    for (const bot of bots) this.start(bot)
  }

  /** Applies the current record of a bot. Rejects with `BOT_EXISTS` while another bot has the same app. */
  async put(given: Bot): Promise<void> {
    const { registry } = this.#deps
    await registry.inTurn(given.id, given.appId, async () => {
      const bot = registry.withOpenId(given)
      const other = registry.botOfApp(bot.appId)
      if (other !== undefined && other.id !== bot.id) {
        throw new FeishuSupervisorError('BOT_EXISTS', `bot ${other.id} has the app id ${bot.appId} too`)
      }
      const old = registry.get(bot.id)
      if (old === undefined) this.start(bot)
      else if (!isDeepStrictEqual(revealed(old), revealed(bot))) await this.apply(old, bot)
    })
  }

  /** Drops a bot that was removed from the bot source. */
  async drop(id: string): Promise<void> {
    await this.#deps.registry.inTurn(id, id, () => this.forget(id))
  }

  /** Makes the bot's worker and connection match its record. Idempotent. */
  start(bot: Bot): void {
    const { registry, supervisor, connection, clock } = this.#deps
    registry.set(bot)
    if (!bot.enabled) this.#resting.set(bot.id, restingStatus(bot, clock.now()))
    else if (wantsConnection(bot)) this.#slots.start(bot)
    else {
      this.#resting.delete(bot.id)
      supervisor.start(toSpec(bot, connection), false)
    }
    this.#emitReport(bot)
  }

  /** Changes a bot from the old record to the new one. Call it inside `BotRegistry.inTurn`. */
  async apply(old: Bot, bot: Bot): Promise<void> {
    const { registry, supervisor, connection } = this.#deps
    registry.set(bot)
    // A worker keeps its app, domain and isolation for life.
    const needsAnother = old.appId !== bot.appId || old.domain !== bot.domain || old.isolation !== bot.isolation
    if (!bot.enabled || needsAnother) await supervisor.remove(bot.id, connection.acceptTimeoutMs)
    else if (!wantsConnection(bot)) await supervisor.disconnect(bot.id, connection.acceptTimeoutMs)
    if (!wantsConnection(bot)) this.#slots.leave(bot.id)
    const hasNewSecret = old.appSecret.reveal() !== bot.appSecret.reveal()
    if (hasNewSecret || old.name !== bot.name) {
      supervisor.reconfigure(bot.id, { name: bot.name, appSecret: bot.appSecret.reveal() })
    }
    this.start(bot)
  }

  /** Ends a bot's worker and forgets the bot. Call it inside `BotRegistry.inTurn`. */
  async forget(id: string): Promise<void> {
    const { registry, supervisor, connection, removed } = this.#deps
    await supervisor.remove(id, connection.acceptTimeoutMs)
    this.#slots.leave(id)
    this.#resting.delete(id)
    if (registry.delete(id)) removed(id)
  }

  /**
   * Takes the connection slot that a change needs at once, so that parallel changes cannot take the same slot. False
   * if the change needs no new slot; otherwise `release` gives the slot back. Throws `CONNECTION_LIMIT`.
   */
  reserve(old: Bot, change: StoredBotChange): boolean {
    const isAsked = change.useWebSocket !== undefined || change.enabled !== undefined
    const { enabled = old.enabled, useWebSocket = old.useWebSocket } = change
    return isAsked && wantsConnection({ enabled, useWebSocket }) && this.#slots.take(old.id)
  }

  release(id: string): void {
    this.#slots.leave(id)
  }

  /** Takes the new status of a worker and its connection. */
  statusChanged(status: BotStatus): void {
    const bot = this.#deps.registry.get(status.botId)
    if (bot === undefined) return
    // A worker that only sends needs no slot.
    if (wantsConnection(bot)) this.#slots.changed(status)
    this.#deps.changed(this.#report(bot, status))
  }

  /** Stores the open id that a bot's worker reported. If the write fails, the worker reports the open id again after the next start. */
  async identified(id: string, openId: string): Promise<void> {
    const { registry, store } = this.#deps
    const bot = registry.get(id)
    if (bot === undefined) return
    registry.set({ ...bot, openId })
    await registry.inTurn(id, id, () => store().recordOpenId(id, openId)).catch(() => {})
  }

  /** Stops all waiting starts and rotations. */
  close(): void {
    this.#slots.close()
  }

  #emitReport(bot: Bot): void {
    this.#deps.changed(this.#report(bot, this.statusOf(bot)))
  }

  #report(bot: Bot, status: BotStatus): BotReport {
    const connects = wantsConnection(bot) && this.#slots.has(bot.id)
    const obstacle = obstacleOf(bot, this.#deps.handlers, this.#resting.get(bot.id)?.child.nextStep)
    return { ...status, name: bot.name, bot: toRecord(bot), connects, ...(obstacle === undefined ? {} : { obstacle }) }
  }
}

/** Time limit of one rotation: open a new connection, get its first pong, wait for the acknowledgements of the old connection. */
function rotationDeadlineMs({ attemptTimeoutMs, pongTimeoutMs, acceptTimeoutMs }: ResolvedConnectionOptions): number {
  return attemptTimeoutMs + pongTimeoutMs + acceptTimeoutMs + 1_000
}
