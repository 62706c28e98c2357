import type { FeishuSupervisor } from '../app/feishu-supervisor.ts'
import { FeishuSupervisorError } from '../core/errors.ts'
import type { BotReport, ConnectionWord } from '../protocol/model/status.ts'

/** Last known connection of one bot. */
export interface BotConnection {
  readonly botId: string
  /** `disconnected`, `connecting`, `connected` or `error`. */
  readonly state: ConnectionWord
  readonly connectedAt?: Date
  /** Last pong of the gateway. */
  readonly lastHeartbeat?: Date
  /** Problem and next step; also present during a retry. */
  readonly error?: string
}

/**
 * Connections of the bots, for the host's own services and controllers. Does not check who owns a bot: the caller must
 * do that.
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
   * Switches a bot to a long connection, now and after every restart. Resolves when the order is given, before the bot
   * is connected. Rejects with `BOT_NOT_FOUND` (also for a disabled bot), `CONNECTION_LIMIT`, `STORE_UNAVAILABLE` or
   * `SUPERVISOR_DOWN`.
   */
  async connect(bot: { readonly id: string }): Promise<void> {
    const { bots } = await this.#supervisor.status()
    if (bots.find((one) => one.botId === bot.id)?.bot.enabled !== true) throw noBot(bot.id, 'not found or disabled')
    await this.#supervisor.updateBot(bot.id, { useWebSocket: true })
  }

  /** Closes the connection and switches the bot to webhook mode. A restart does not reconnect it. Rejects like `connect`. */
  async disconnect(botId: string): Promise<void> {
    await this.#supervisor.updateBot(botId, { useWebSocket: false })
  }

  /** Returns the last known connection of one bot at once. An unknown bot is `disconnected`. */
  getStatus(botId: string): BotConnection {
    return this.#known.get(botId) ?? { botId, state: 'disconnected' }
  }

  /** Returns a copy of the last known connections of all bots at once, by bot id. */
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

  /** @deprecated Use `getStatus(botId)`, which returns at once. `getWsStatus` rejects with `BOT_NOT_FOUND`. */
  async getWsStatus(botId: string): Promise<BotConnection> {
    const connection = (await this.#allConnections()).find((one) => one.botId === botId)
    if (connection === undefined) throw noBot(botId, 'not found')
    return connection
  }

  /** @deprecated Use `getAllConnections()`, which returns at once. `getAllWsStatuses` keeps the order of creation of the bots. */
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
