import type { FeishuSupervisor } from '../app/feishu-supervisor.ts'
import { FeishuSupervisorError } from '../core/errors.ts'
import type { BotReport, ConnectionWord } from '../protocol/model/status.ts'

/** The connection of one bot, as last heard of it. */
export interface BotConnection {
  readonly botId: string
  /** `disconnected`, `connecting`, `connected` or `error`. */
  readonly state: ConnectionWord
  readonly connectedAt?: Date
  /** When the gateway last answered a ping. */
  readonly lastHeartbeat?: Date
  /** What is wrong and what to do; also while a retry is under way. */
  readonly error?: string
}

/**
 * The connections of the bots, for the host's own services and controllers. It asks nobody whose bot it is: whoever
 * calls has done that.
 */
export class FeishuConnections {
  readonly #supervisor: FeishuSupervisor
  readonly #known = new Map<string, BotConnection>()

  constructor(supervisor: FeishuSupervisor) {
    this.#supervisor = supervisor
    supervisor.on('bot', (report) => this.#known.set(report.botId, this.#connectionOf(report)))
    supervisor.on('removed', ({ botId }) => this.#known.delete(botId))
    supervisor.on('alert', ({ kind, state, cause }) => {
      if (kind !== 'supervisor_down' || state !== 'raised') return
      for (const botId of this.#known.keys()) this.#known.set(botId, { botId, state: 'disconnected', error: cause })
    })
  }

  /**
   * Switches a bot to a long connection, now and after every restart; resolves when that is ordered. Rejects with
   * `BOT_NOT_FOUND` also for a disabled bot, `CONNECTION_LIMIT`, `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`.
   */
  async connect(bot: { readonly id: string }): Promise<void> {
    const { bots } = await this.#supervisor.status()
    if (bots.find((one) => one.botId === bot.id)?.bot.enabled !== true) throw noBot(bot.id, 'not found or disabled')
    await this.#supervisor.updateBot(bot.id, { useWebSocket: true })
  }

  /** Closes the connection and switches the bot to webhook mode; a restart does not bring it back. Rejects like `connect`. */
  async disconnect(botId: string): Promise<void> {
    await this.#supervisor.updateBot(botId, { useWebSocket: false })
  }

  /** The connection of one bot as last told, at once; a bot that was never heard of is `disconnected`. */
  getStatus(botId: string): BotConnection {
    return this.#known.get(botId) ?? { botId, state: 'disconnected' }
  }

  /** The connections of all bots as last told, at once, by bot id; a copy. */
  getAllConnections(): Map<string, BotConnection> {
    return new Map(this.#known)
  }

  /** @deprecated Use `connect({ id: botId })`. */
  async startWsConnection(botId: string): Promise<void> {
    await this.connect({ id: botId })
  }

  /** @deprecated Use `disconnect(botId)`. */
  async stopWsConnection(botId: string): Promise<void> {
    await this.disconnect(botId)
  }

  /** @deprecated Use `getStatus(botId)`, which needs no wait. This one rejects with `BOT_NOT_FOUND`. */
  async getWsStatus(botId: string): Promise<BotConnection> {
    const connection = (await this.#allConnections()).find((one) => one.botId === botId)
    if (connection === undefined) throw noBot(botId, 'not found')
    return connection
  }

  /** @deprecated Use `getAllConnections()`, which needs no wait. This one is in order of the bots' creation. */
  async getAllWsStatuses(): Promise<BotConnection[]> {
    return await this.#allConnections()
  }

  async #allConnections(): Promise<BotConnection[]> {
    const { bots } = await this.#supervisor.status()
    return bots.map((report) => this.#connectionOf(report))
  }

  #connectionOf(report: BotReport): BotConnection {
    const { botId, state, error, connectedAt, lastHeartbeat } = this.#supervisor.connectionOf(report)
    return {
      botId,
      state,
      ...(connectedAt === undefined ? {} : { connectedAt: new Date(connectedAt) }),
      ...(lastHeartbeat === undefined ? {} : { lastHeartbeat: new Date(lastHeartbeat) }),
      ...(error === undefined ? {} : { error }),
    }
  }
}

function noBot(botId: string, what: string): FeishuSupervisorError {
  return new FeishuSupervisorError('BOT_NOT_FOUND', `bot ${botId} ${what}: listBots() names those there are`)
}
