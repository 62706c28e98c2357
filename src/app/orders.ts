import { FeishuSupervisorError } from '../core/errors.ts'
import type { ApiTokenRecord, AuditEntry, NewTokenOptions } from '../protocol/model/access.ts'
import type { HostControl } from '../protocol/host.ts'
import type { BotChange, NewBotOptions } from '../protocol/model/bot-input.ts'
import type { DeadLetter, DeadLetterId, DeadLetterPage } from '../protocol/model/message.ts'
import type { MessageDetail, MessageLog, MessageSummary, Page, PageQuery } from '../protocol/model/message-log.ts'
import { valueOf } from '../protocol/model/result.ts'
import type { BotRecord } from '../protocol/model/status.ts'
import { resolveBotChange, resolveNewBot } from './new-bot.ts'
import { resolveNewToken } from './new-token.ts'

/** Who gives the orders that come from the embedding process itself, in the audit log. */
const HOST = 'host'

/**
 * What can be ordered of a supervisor that runs, and asked of its database: bots, messages, dead letters, tokens. With
 * the option `botSource` orders about bots reject with `BOTS_OWNED_BY_HOST` or `BOT_SOURCE_FAILED` too.
 */
export abstract class Orders {
  /** Calls the supervisor thread; always settles. */
  protected abstract call<T>(what: string, run: (remote: HostControl) => Promise<T>): Promise<T>

  /**
   * Stores a bot and starts it. Rejects with `CONFIG_INVALID` (naming the field), `BOT_EXISTS`,
   * `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`.
   */
  async addBot(bot: NewBotOptions, by = HOST): Promise<BotRecord> {
    const input = resolveNewBot(bot)
    return valueOf(await this.call('addBot', (remote) => remote.addBot(input, by)))
  }

  /**
   * A new worker for a bot now: a live one closes its connection and ends before, a failed bot is released. Rejects
   * with `BOT_NOT_FOUND` also where the bot has no worker, because it is disabled or waits for a connection.
   */
  async restartBot(botId: string, by = HOST): Promise<void> {
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
  async updateBot(botId: string, change: BotChange, by = HOST): Promise<BotRecord> {
    const input = resolveBotChange(change)
    const bot = valueOf(await this.call('updateBot', (remote) => remote.updateBot(botId, input, by)))
    if (bot === null) throw noBot(botId)
    return bot
  }

  /** Ends a bot's worker and forgets the bot; its events and dead letters stay. Rejects like `updateBot`. */
  async removeBot(botId: string, by = HOST): Promise<void> {
    if (!valueOf(await this.call('removeBot', (remote) => remote.removeBot(botId, by)))) throw noBot(botId)
  }

  /** A page of the stored events, newest first. Rejects with `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`. */
  async listMessages(query: Parameters<MessageLog['list']>[0]): Promise<Page<MessageSummary>> {
    return valueOf(await this.call('listMessages', (remote) => remote.listMessages(query)))
  }

  /** One event with its payload and replies; null when there is none. */
  async getMessage(eventId: number): Promise<MessageDetail | null> {
    return valueOf(await this.call('getMessage', (remote) => remote.getMessage(eventId)))
  }

  /** A page of `deadLetters`, with how many there are. */
  async pageOfDeadLetters(query: PageQuery): Promise<Page<DeadLetter>> {
    return valueOf(await this.call('pageOfDeadLetters', (remote) => remote.pageOfDeadLetters(query)))
  }

  /**
   * What was given up, newest first: events with their payload, replies with their content. About `limit` (1 to
   * 100, default 20) from `offset` on, or from what ended before `before`; what ended at the same instant stays
   * together. Rejects with `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`.
   */
  async deadLetters({ limit = 20, offset = 0, before }: Partial<DeadLetterPage> = {}): Promise<readonly DeadLetter[]> {
    const page = {
      limit: Math.min(100, Math.max(1, limit)),
      offset: Math.max(0, offset),
      ...(before === undefined ? {} : { before }),
    }
    return valueOf(await this.call('deadLetters', (remote) => remote.deadLetters(page)))
  }

  /**
   * Puts a dead letter back: the event is handled again as if it were new, or with `part` that reply is sent again.
   * A reply of which it is not known whether Feishu showed it may then be there twice. Rejects with
   * `DEAD_LETTER_NOT_FOUND`, `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`.
   */
  async resubmit({ eventId, part }: DeadLetterId, by = HOST): Promise<void> {
    const letter = { eventId, ...(part === undefined ? {} : { part }) }
    const isBack = valueOf(await this.call('resubmit', (remote) => remote.resubmit(letter, by)))
    if (isBack) return
    const what = part === undefined ? `event ${eventId}` : `part ${part} of event ${eventId}`
    throw new FeishuSupervisorError(
      'DEAD_LETTER_NOT_FOUND',
      `${what} is not a dead letter: deadLetters() lists those there are`,
    )
  }

  /**
   * Makes a bearer token for the HTTP API. Its text is in the answer and nowhere else: only a hash is stored.
   * Rejects with `CONFIG_INVALID` (naming the field), `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`.
   */
  async createToken(token: NewTokenOptions, by = HOST): Promise<{ record: ApiTokenRecord; token: string }> {
    const input = resolveNewToken(token)
    return valueOf(await this.call('createToken', (remote) => remote.createToken(input, by)))
  }

  /** All tokens, newest first, without their secrets. */
  async listTokens(): Promise<readonly ApiTokenRecord[]> {
    return valueOf(await this.call('listTokens', (remote) => remote.listTokens()))
  }

  /** From now on the token is refused. Rejects with `TOKEN_NOT_FOUND`, `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`. */
  async revokeToken(id: string, by = HOST): Promise<void> {
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
  async rotateKeys(by = HOST): Promise<number> {
    return valueOf(await this.call('rotateKeys', (remote) => remote.rotateKeys(by)))
  }

  /** What was ordered by whom, newest first. */
  async auditLog(query: { limit: number; offset: number }): Promise<Page<AuditEntry>> {
    return valueOf(await this.call('auditLog', (remote) => remote.auditLog(query)))
  }
}

function noBot(botId: string): FeishuSupervisorError {
  return new FeishuSupervisorError('BOT_NOT_FOUND', `there is no bot ${botId}: listBots() names those there are`)
}
