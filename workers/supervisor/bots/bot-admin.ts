import { errorText, FeishuSupervisorError } from '../../../src/core/errors.ts'
import type { ResolvedConnectionOptions } from '../../../src/protocol/options/connection-options.ts'
import type { BotChange, BotInput } from '../../../src/protocol/model/bot-input.ts'
import type { Finding } from '../../../src/protocol/model/finding.ts'
import type { BotRecord } from '../../../src/protocol/model/status.ts'
import type { Bot, BotStore } from '../../../src/store/store.ts'
import type { Supervisor } from '../../../src/supervisor/supervisor.ts'
import type { BotReconciler } from './bot-reconciler.ts'
import { toChange, toNewBot, toRecord, toSpec } from './bot-record.ts'
import type { BotRegistry } from './bot-registry.ts'

export interface BotAdminDeps {
  readonly registry: BotRegistry
  readonly reconciler: BotReconciler
  readonly supervisor: Supervisor
  /** Throws `STORE_UNAVAILABLE` while no store is open. */
  store(): BotStore
  /** Reports that this class wrote a bot to the store. */
  written(botId: string): void
  readonly connection: ResolvedConnectionOptions
  /** Names of the handlers that bots may have. */
  readonly handlers: readonly string[]
  /** False for administration: bots are stored and not started. */
  readonly startsBots: boolean
}

/** Orders of operators about bots. A change is written to the store first, then applied to the workers. */
export class BotAdmin {
  readonly #deps: BotAdminDeps

  constructor(deps: BotAdminDeps) {
    this.#deps = deps
  }

  async list(): Promise<BotRecord[]> {
    return (await this.#deps.store().list()).map(toRecord)
  }

  /** Adds a bot. Rejects with `CONFIG_INVALID` for an unknown handler, and so does `update`. */
  async add(input: BotInput): Promise<BotRecord> {
    const { registry, reconciler, store, startsBots, written } = this.#deps
    this.#checkHandler(input.handler)
    return await registry.inTurn('', input.appId, async () => {
      const bot = await store().add(toNewBot(input))
      if (startsBots) reconciler.start(bot)
      written(bot.id)
      return toRecord(bot)
    })
  }

  /** Changes a bot; null for an unknown bot. Rejects with `CONNECTION_LIMIT` before anything is changed. */
  async update(id: string, input: BotChange): Promise<BotRecord | null> {
    const { registry, reconciler, store, written } = this.#deps
    this.#checkHandler(input.handler)
    const change = toChange(input)
    return await registry.inTurn(id, id, async () => {
      const old = registry.get(id)
      const reserved = old !== undefined && reconciler.reserve(old, change)
      try {
        const changed = await store().update(id, change)
        if (changed === null) return null
        const bot = registry.withOpenId(changed)
        if (old !== undefined) await reconciler.apply(old, bot)
        written(id)
        return toRecord(bot)
      } catch (thrown) {
        if (reserved) reconciler.release(id)
        throw thrown
      }
    })
  }

  /** Removes a bot; false for an unknown bot. */
  async remove(id: string): Promise<boolean> {
    const { registry, reconciler, store } = this.#deps
    return await registry.inTurn(id, id, async () => {
      if (!(await store().remove(id))) return false
      await reconciler.forget(id)
      return true
    })
  }

  /** Replaces the worker of a bot now; false when the bot has no worker. */
  async restart(id: string): Promise<boolean> {
    const { registry, supervisor } = this.#deps
    return await registry.inTurn(id, id, () => supervisor.restart(id))
  }

  /** All started bots; for administration all stored bots. */
  async all(): Promise<readonly Bot[]> {
    const { registry, store, startsBots } = this.#deps
    return startsBots ? registry.all() : await store().list()
  }

  /** Lets the bot's worker check its app. For administration the worker is started for this check, without a connection. */
  async check(bot: Bot): Promise<readonly Finding[]> {
    const { supervisor, reconciler, connection, startsBots } = this.#deps
    if (!startsBots) supervisor.start(toSpec(bot, connection), false)
    const findings = await supervisor.check(bot.id, bot.useWebSocket).catch(errorText)
    if (typeof findings === 'object') return findings
    const { state, nextStep } = reconciler.statusOf(bot).child
    const mend = nextStep ?? `restart the bot (POST /api/feishu/bots/${bot.id}/restart) and read its log`
    return [{ check: 'worker', level: 'error', message: findings ?? `the worker is ${state}`, mend }]
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
