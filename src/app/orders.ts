import { FeishuSupervisorError } from '../core/errors.ts'
import type {
  ApiTokenRecord,
  AuditEntry,
  AuditOptions,
  AuditQuery,
  NewToken,
  NewTokenOptions,
} from '../protocol/model/access.ts'
import type { HostControl } from '../protocol/host.ts'
import type { BotChange, NewBotOptions } from '../protocol/model/bot-input.ts'
import type { DeadLetter, DeadLetterId } from '../protocol/model/message.ts'
import type {
  DeadLetterQuery,
  MessageDetail,
  MessageQuery,
  MessageSummary,
  Page,
} from '../protocol/model/message-log.ts'
import { valueOf } from '../protocol/model/result.ts'
import type { BotRecord } from '../protocol/model/status.ts'
import { resolveBotChange, resolveNewBot } from './new-bot.ts'
import { resolveNewToken } from './new-token.ts'

/**
 * What can be ordered of a supervisor that runs, and asked of its database: bots, messages, dead letters, tokens. With
 * the option `botSource` orders about bots reject with `BOTS_OWNED_BY_HOST` or `BOT_SOURCE_FAILED` too.
 */
export abstract class Orders {
  /** @internal Calls the supervisor thread; always settles. */
  protected abstract call<T>(what: string, run: (remote: HostControl) => Promise<T>): Promise<T>

  /**
   * Stores a bot and starts it. Rejects with `CONFIG_INVALID` (naming the field), `BOT_EXISTS`,
   * `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`.
   */
  async addBot(bot: NewBotOptions, options?: AuditOptions): Promise<BotRecord> {
    const by = actorOf(options)
    const input = resolveNewBot(bot)
    return valueOf(await this.call('addBot', (remote) => remote.addBot(input, by)))
  }

  /**
   * A new worker for a bot now: a live one closes its connection and ends before, a failed bot is released. Rejects
   * with `BOT_NOT_FOUND` also where the bot has no worker, because it is disabled or waits for a connection.
   */
  async restartBot(botId: string, options?: AuditOptions): Promise<void> {
    const by = actorOf(options)
    if (valueOf(await this.call('restartBot', (remote) => remote.restartBot(botId, by)))) return
    throw new FeishuSupervisorError(
      'BOT_NOT_FOUND',
      `bot ${botId} has no worker: it is disabled or waits for a connection`,
    )
  }

  /** The stored bots in order of creation, without their secrets. Rejects with `STORE_UNAVAILABLE`, `MASTER_KEY_WRONG` or `SUPERVISOR_DOWN`. */
  async listBots(): Promise<readonly BotRecord[]> {
    return valueOf(await this.call('listBots', (remote) => remote.listBots()))
  }

  /**
   * Changes a bot; a change of mode (`useWebSocket`) or of secrets is live, and with `useWebSocket: true` a bot that
   * waits for its next attempt connects at once. Rejects with `CONFIG_INVALID`, `BOT_NOT_FOUND`,
   * `CONNECTION_LIMIT`, `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`.
   */
  async updateBot(botId: string, change: BotChange, options?: AuditOptions): Promise<BotRecord> {
    const by = actorOf(options)
    const input = resolveBotChange(change)
    const bot = valueOf(await this.call('updateBot', (remote) => remote.updateBot(botId, input, by)))
    if (bot === null) throw noBot(botId)
    return bot
  }

  /** Ends a bot's worker and forgets the bot; its events and dead letters stay. Rejects like `updateBot`. */
  async removeBot(botId: string, options?: AuditOptions): Promise<void> {
    const by = actorOf(options)
    if (!valueOf(await this.call('removeBot', (remote) => remote.removeBot(botId, by)))) throw noBot(botId)
  }

  /** A page of the stored events, newest first. Rejects with `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`. */
  async listMessages({
    botIds = null,
    limit = 20,
    offset = 0,
    state,
  }: MessageQuery = {}): Promise<Page<MessageSummary>> {
    const query = { botIds, limit, offset, state }
    return valueOf(await this.call('listMessages', (remote) => remote.listMessages(query)))
  }

  /** One event with its payload and replies; null when there is none. */
  async getMessage(eventId: number): Promise<MessageDetail | null> {
    return valueOf(await this.call('getMessage', (remote) => remote.getMessage(eventId)))
  }

  /**
   * A page of what was given up, newest first: events with their payload, replies with their content. Rejects with
   * `CONFIG_INVALID`, `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`.
   */
  async listDeadLetters(query: DeadLetterQuery = {}): Promise<Page<DeadLetter>> {
    const { botIds = null, limit = 20, offset = 0, before } = query
    if (before !== undefined && botIds !== null) {
      throw new FeishuSupervisorError('CONFIG_INVALID', 'before: cannot be used together with botIds')
    }
    const page = {
      botIds,
      limit: Math.min(100, Math.max(1, limit)),
      offset: Math.max(0, offset),
      ...(before === undefined ? {} : { before }),
    }
    return valueOf(await this.call('listDeadLetters', (remote) => remote.listDeadLetters(page)))
  }

  /**
   * Puts a dead letter back: the event is handled again as if it were new, or with `part` that reply is sent again.
   * A reply of which it is not known whether Feishu showed it may then be there twice. Rejects with
   * `DEAD_LETTER_NOT_FOUND`, `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`.
   */
  async resubmit({ eventId, part }: DeadLetterId, options?: AuditOptions): Promise<void> {
    const by = actorOf(options)
    const letter = { eventId, ...(part === undefined ? {} : { part }) }
    const isBack = valueOf(await this.call('resubmit', (remote) => remote.resubmit(letter, by)))
    if (isBack) return
    const what = part === undefined ? `event ${eventId}` : `part ${part} of event ${eventId}`
    throw new FeishuSupervisorError(
      'DEAD_LETTER_NOT_FOUND',
      `${what} is not a dead letter: listDeadLetters() lists those there are`,
    )
  }

  /**
   * Makes a bearer token for the HTTP API. Its text is in the answer and nowhere else: only a hash is stored.
   * Rejects with `CONFIG_INVALID` (naming the field), `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`.
   */
  async createToken(token: NewTokenOptions, options?: AuditOptions): Promise<NewToken> {
    const by = actorOf(options)
    const input = resolveNewToken(token)
    return valueOf(await this.call('createToken', (remote) => remote.createToken(input, by)))
  }

  /** All tokens, newest first, without their secrets. */
  async listTokens(): Promise<readonly ApiTokenRecord[]> {
    return valueOf(await this.call('listTokens', (remote) => remote.listTokens()))
  }

  /** From now on the token is refused. Rejects with `TOKEN_NOT_FOUND`, `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`. */
  async revokeToken(id: string, options?: AuditOptions): Promise<void> {
    const by = actorOf(options)
    if (valueOf(await this.call('revokeToken', (remote) => remote.revokeToken(id, by)))) return
    throw new FeishuSupervisorError(
      'TOKEN_NOT_FOUND',
      `there is no valid token ${id}: listTokens() names those there are`,
    )
  }

  /** @internal Null for whatever is not a valid token now. */
  async authenticate(id: string, secret: string): Promise<ApiTokenRecord | null> {
    return valueOf(await this.call('authenticate', (remote) => remote.authenticate(id, secret)))
  }

  /**
   * Seals all secrets with a new master key; answers how many bots had to be sealed anew. After a crash the next call
   * goes on. Other processes on the same database have to be started again. Rejects with `CONFIG_INVALID` when the
   * key comes from the configuration and there is only one.
   */
  async rotateKeys(options?: AuditOptions): Promise<number> {
    const by = actorOf(options)
    return valueOf(await this.call('rotateKeys', (remote) => remote.rotateKeys(by)))
  }

  /** What was ordered by whom, newest first. */
  async auditLog({ limit = 20, offset = 0 }: AuditQuery = {}): Promise<Page<AuditEntry>> {
    return valueOf(await this.call('auditLog', (remote) => remote.auditLog({ limit, offset })))
  }
}

function noBot(botId: string): FeishuSupervisorError {
  return new FeishuSupervisorError('BOT_NOT_FOUND', `there is no bot ${botId}: listBots() names those there are`)
}

/** The name in the audit log. Version 0.1 took it as a text, which must not be lost silently. */
function actorOf(options: AuditOptions = {}): string {
  if (typeof options !== 'object') {
    throw new FeishuSupervisorError('CONFIG_INVALID', `by: give { by: '${String(options)}' } instead of a text`)
  }
  return options.by ?? 'host'
}
