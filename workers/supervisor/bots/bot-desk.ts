import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../../src/core/time/clock.ts'
import { errorText, FeishuSupervisorError } from '../../../src/core/errors.ts'
import { revealed } from '../../../src/core/log/secret.ts'
import type { ResolvedConnectionOptions } from '../../../src/protocol/options/connection-options.ts'
import type { BotSettings } from '../../../src/protocol/model/bot-settings.ts'
import type { Finding } from '../../../src/protocol/model/finding.ts'
import type { BotChange as BotChangeInput, BotInput } from '../../../src/protocol/model/bot-input.ts'
import type { BotRecord, BotReport, BotStatus } from '../../../src/protocol/model/status.ts'
import type { Bot, BotChange, BotStore } from '../../../src/store/store.ts'
import type { BotSpec } from '../../../src/supervisor/bot-child.ts'
import type { Supervisor } from '../../../src/supervisor/supervisor.ts'
import { obstacleOf, toChange, toNewBot, toRecord, wantsConnection } from './bot-record.ts'
import { Fleet, restingStatus } from './fleet.ts'
import { KeyedQueue } from '../../../src/core/time/keyed-queue.ts'

export interface BotDeskDependencies {
  readonly supervisor: Supervisor
  /** Throws `STORE_UNAVAILABLE` while there is none. */
  store(): BotStore
  /** A bot was written there by us. */
  written(botId: string): void
  readonly connection: ResolvedConnectionOptions
  readonly maxConnections: number
  /** Names of the handlers that bots may have. */
  readonly handlers: readonly string[]
  readonly clock: Clock
  readonly random: () => number
  /** False for administration: bots are stored, nothing is started. */
  readonly startsBots: boolean
  /** What was ordered of a bot, or what became of it, has changed. */
  changed(report: BotReport): void
  removed(botId: string): void
}

/**
 * The bots of this instance: what is stored of them, which of them has a worker (every enabled one, because
 * replies need it in webhook mode too) and which a connection (those that have a place in the fleet).
 * Orders about one bot are carried out one after the other.
 */
export class BotDesk {
  readonly #deps: BotDeskDependencies
  readonly #bots = new Map<string, Bot>()
  readonly #fleet: Fleet
  /** What is shown of bots without a worker. */
  readonly #resting = new Map<string, BotStatus>()
  readonly #turns = new KeyedQueue()
  #isOpen = false

  constructor(deps: BotDeskDependencies) {
    this.#deps = deps
    const { maxConnections, connection, supervisor, clock, random } = deps
    this.#fleet = new Fleet({
      maxConnections,
      rotateEveryMs: connection.rotateEveryMs,
      clock,
      random,
      start: (bot) => {
        this.#resting.delete(bot.id)
        supervisor.start(this.#specOf(bot), true)
        this.#tell(bot)
      },
      rotate: (botId, mayOverlap) => supervisor.rotate(botId, mayOverlap, rotationDeadlineMs(connection)),
      rests: (status) => this.#resting.set(status.botId, status),
    })
  }

  /** The stored bots are known. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  get reports(): BotReport[] {
    return [...this.#bots.values()].map((bot) => this.#report(bot, this.#statusOf(bot)))
  }

  /** Undefined for an app of no bot. */
  botOfApp(appId: string): Bot | undefined {
    return [...this.#bots.values()].find((bot) => bot.appId === appId)
  }

  /** Undefined for a bot of which nothing is known here. */
  settingsOf(botId: string): BotSettings | undefined {
    return this.#bots.get(botId)
  }

  botIds(): readonly string[] {
    return [...this.#bots.keys()]
  }

  /** Starts what is stored. */
  async open(): Promise<void> {
    const bots = await this.#deps.store().list()
    for (const bot of bots) this.#bots.set(bot.id, bot)
    this.known()
    for (const bot of bots) this.#start(bot)
  }

  /** Every bot there is has been heard of. */
  known(): void {
    this.#isOpen = true
  }

  /** A bot is so now, whoever changed it. Rejects with `BOT_EXISTS` while another one has its app. */
  async put(given: Bot): Promise<void> {
    await this.#inTurn(given.id, given.appId, async () => {
      const bot = this.#withOpenId(given)
      const other = this.botOfApp(bot.appId)
      if (other !== undefined && other.id !== bot.id) {
        throw new FeishuSupervisorError('BOT_EXISTS', `bot ${other.id} has the app id ${bot.appId} too`)
      }
      const old = this.#bots.get(bot.id)
      if (old === undefined) this.#start(bot)
      else if (!isDeepStrictEqual(revealed(old), revealed(bot))) await this.#apply(old, bot)
    })
  }

  /** A bot is gone, whoever removed it. */
  async drop(id: string): Promise<void> {
    await this.#inTurn(id, id, () => this.#forget(id))
  }

  async list(): Promise<BotRecord[]> {
    return (await this.#deps.store().list()).map(toRecord)
  }

  /** Rejects with `CONFIG_INVALID` for a handler that is not known, `update` too. */
  async add(input: BotInput): Promise<BotRecord> {
    this.#checkHandler(input.handler)
    return await this.#inTurn('', input.appId, async () => {
      const bot = await this.#deps.store().add(toNewBot(input))
      if (this.#deps.startsBots) this.#start(bot)
      this.#deps.written(bot.id)
      return toRecord(bot)
    })
  }

  /** Null when there is no such bot. Rejects with `CONNECTION_LIMIT` before anything is changed. */
  async update(id: string, input: BotChangeInput): Promise<BotRecord | null> {
    this.#checkHandler(input.handler)
    const change = toChange(input)
    return await this.#inTurn(id, id, async () => {
      const old = this.#bots.get(id)
      const reserved = old !== undefined && this.#reserve(old, change)
      try {
        const changed = await this.#deps.store().update(id, change)
        if (changed === null) return null
        const bot = this.#withOpenId(changed)
        if (old !== undefined) await this.#apply(old, bot)
        this.#deps.written(id)
        return toRecord(bot)
      } catch (thrown) {
        if (reserved) this.#fleet.leave(id)
        throw thrown
      }
    })
  }

  async remove(id: string): Promise<boolean> {
    return await this.#inTurn(id, id, async () => {
      if (!(await this.#deps.store().remove(id))) return false
      await this.#forget(id)
      return true
    })
  }

  /** A new worker for a bot now; false when it has none. */
  async restart(id: string): Promise<boolean> {
    return await this.#inTurn(id, id, () => this.#deps.supervisor.restart(id))
  }

  /** Those that are started; for administration those that are stored. */
  async all(): Promise<readonly Bot[]> {
    return this.#deps.startsBots ? [...this.#bots.values()] : await this.#deps.store().list()
  }

  /** What its worker finds out about the app of a bot; for administration it is started for that, without a connection. */
  async check(bot: Bot): Promise<readonly Finding[]> {
    const { supervisor, startsBots } = this.#deps
    if (!startsBots) supervisor.start(this.#specOf(bot), false)
    const findings = await supervisor.check(bot.id, bot.useWebSocket).catch(errorText)
    if (typeof findings === 'object') return findings
    const { state, nextStep } = this.#statusOf(bot).child
    const mend = nextStep ?? `restart the bot (POST /api/feishu/bots/${bot.id}/restart) and see its log`
    return [{ check: 'worker', level: 'error', message: findings ?? `its worker is ${state}`, mend }]
  }

  /** In turns by app: another bot of the app may still be on its way out. Without a bot that is known its app is the key. */
  #inTurn<T>(id: string, appId: string, run: () => Promise<T>): Promise<T> {
    return this.#turns.run(this.#bots.get(id)?.appId ?? appId, run)
  }

  /** A worker or its connection changed. */
  statusChanged(status: BotStatus): void {
    const bot = this.#bots.get(status.botId)
    if (bot === undefined) return
    // A worker that only sends needs no place.
    if (wantsConnection(bot)) this.#fleet.changed(status)
    this.#deps.changed(this.#report(bot, status))
  }

  /** A bot has learnt its own open id. What cannot be stored now is learnt again after the next start. */
  async identified(id: string, openId: string): Promise<void> {
    const bot = this.#bots.get(id)
    if (bot === undefined) return
    this.#bots.set(id, { ...bot, openId })
    await this.#inTurn(id, id, () => this.#deps.store().recordOpenId(id, openId)).catch(() => {})
  }

  /** Nobody is started or rotated any more. */
  close(): void {
    this.#fleet.close()
  }

  async #forget(id: string): Promise<void> {
    await this.#deps.supervisor.remove(id, this.#deps.connection.acceptTimeoutMs)
    this.#fleet.leave(id)
    this.#resting.delete(id)
    if (this.#bots.delete(id)) this.#deps.removed(id)
  }

  /** Takes the place that a change needs, at once, so that parallel orders cannot take it too. */
  #reserve(old: Bot, change: BotChange): boolean {
    const isAsked = change.useWebSocket !== undefined || change.enabled !== undefined
    const { enabled = old.enabled, useWebSocket = old.useWebSocket } = change
    return isAsked && wantsConnection({ enabled, useWebSocket }) && this.#fleet.take(old.id)
  }

  async #apply(old: Bot, bot: Bot): Promise<void> {
    const { supervisor, connection } = this.#deps
    this.#bots.set(bot.id, bot)
    // Which app it speaks for, where it runs and what it connects to stay with a worker.
    const needsAnother = old.appId !== bot.appId || old.domain !== bot.domain || old.isolation !== bot.isolation
    if (!bot.enabled || needsAnother) await supervisor.remove(bot.id, connection.acceptTimeoutMs)
    else if (!wantsConnection(bot)) await supervisor.disconnect(bot.id, connection.acceptTimeoutMs)
    if (!wantsConnection(bot)) this.#fleet.leave(bot.id)
    const hasNewSecret = old.appSecret.reveal() !== bot.appSecret.reveal()
    if (hasNewSecret || old.name !== bot.name) {
      supervisor.reconfigure(bot.id, { name: bot.name, appSecret: bot.appSecret.reveal() })
    }
    this.#start(bot)
  }

  /** Idempotent: brings the bot's worker and connection to what is wanted of them. */
  #start(bot: Bot): void {
    this.#bots.set(bot.id, bot)
    if (!bot.enabled) this.#resting.set(bot.id, restingStatus(bot, this.#deps.clock.now()))
    else if (wantsConnection(bot)) this.#fleet.start(bot)
    else {
      this.#resting.delete(bot.id)
      this.#deps.supervisor.start(this.#specOf(bot), false)
    }
    this.#tell(bot)
  }

  #specOf({ id: botId, name, appId, appSecret, domain, isolation, openId }: Bot): BotSpec {
    const { connection } = this.#deps
    const isIdentified = openId !== null
    return { botId, name, appId, appSecret: appSecret.reveal(), domain, isolation, isIdentified, connection }
  }

  /** What was learnt, and is not stored or not yet. */
  #withOpenId(bot: Bot): Bot {
    const known = this.#bots.get(bot.id)
    return bot.openId === null && known?.appId === bot.appId ? { ...bot, openId: known.openId } : bot
  }

  #tell(bot: Bot): void {
    this.#deps.changed(this.#report(bot, this.#statusOf(bot)))
  }

  #statusOf(bot: Bot): BotStatus {
    return (
      this.#deps.supervisor.status(bot.id) ?? this.#resting.get(bot.id) ?? restingStatus(bot, this.#deps.clock.now())
    )
  }

  #report(bot: Bot, status: BotStatus): BotReport {
    const connects = wantsConnection(bot) && this.#fleet.has(bot.id)
    const obstacle = obstacleOf(bot, this.#deps.handlers, this.#resting.get(bot.id)?.child.nextStep)
    return { ...status, name: bot.name, bot: toRecord(bot), connects, ...(obstacle === undefined ? {} : { obstacle }) }
  }

  #checkHandler(name: string | undefined): void {
    const { handlers } = this.#deps
    if (name === undefined || handlers.includes(name)) return
    throw new FeishuSupervisorError(
      'CONFIG_INVALID',
      `handler: there is no handler "${name}", only ${handlers.join(', ')}: the options (FS_HANDLERS) name them`,
    )
  }
}

/** Open a fresh connection, see it alive, wait for the acknowledgements of the old one. */
function rotationDeadlineMs({ attemptTimeoutMs, pongTimeoutMs, acceptTimeoutMs }: ResolvedConnectionOptions): number {
  return attemptTimeoutMs + pongTimeoutMs + acceptTimeoutMs + 1_000
}
