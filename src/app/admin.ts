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
import type { Finding } from '../protocol/model/finding.ts'
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
import { resolveBotChange, resolveNewBot, resolveNewToken } from './new-records.ts'

/** Calls the supervisor thread. Always settles. */
type CallThread = <T>(what: string, deadlineMs: number, run: (remote: HostControl) => Promise<T>) => Promise<T>

/** Longest wait for an order to the supervisor thread, milliseconds. */
const ORDER_DEADLINE_MS = 5_000

/** Longest wait for a restart, milliseconds: its connection is closed, and its worker may not end. */
const RESTART_DEADLINE_MS = 10_000

/** Longest wait for `diagnose`, milliseconds. Each bot takes at most a minute, and several bots are checked at once. */
const DIAGNOSE_DEADLINE_MS = 150_000

/**
 * Orders to a running supervisor and queries of its database: bots, messages, dead letters, tokens. `FeishuSupervisor`
 * has the same methods and documents them.
 */
export class Admin {
  readonly #call: CallThread

  constructor(call: CallThread) {
    this.#call = call
  }

  async addBot(bot: NewBotOptions, options?: AuditOptions): Promise<BotRecord> {
    const by = actorOf(options)
    const input = resolveNewBot(bot)
    return valueOf(await this.#call('addBot', ORDER_DEADLINE_MS, (remote) => remote.addBot(input, by)))
  }

  async restartBot(botId: string, options?: AuditOptions): Promise<void> {
    const by = actorOf(options)
    if (valueOf(await this.#call('restartBot', RESTART_DEADLINE_MS, (remote) => remote.restartBot(botId, by)))) return
    throw new FeishuSupervisorError(
      'BOT_NOT_FOUND',
      `bot ${botId} has no worker: it is disabled or waits for a connection`,
    )
  }

  async listBots(): Promise<readonly BotRecord[]> {
    return valueOf(await this.#call('listBots', ORDER_DEADLINE_MS, (remote) => remote.listBots()))
  }

  async updateBot(botId: string, change: BotChange, options?: AuditOptions): Promise<BotRecord> {
    const by = actorOf(options)
    const input = resolveBotChange(change)
    const bot = valueOf(
      await this.#call('updateBot', ORDER_DEADLINE_MS, (remote) => remote.updateBot(botId, input, by)),
    )
    if (bot === null) throw noBot(botId)
    return bot
  }

  async removeBot(botId: string, options?: AuditOptions): Promise<void> {
    const by = actorOf(options)
    if (!valueOf(await this.#call('removeBot', ORDER_DEADLINE_MS, (remote) => remote.removeBot(botId, by))))
      throw noBot(botId)
  }

  async listMessages({
    botIds = null,
    limit = 20,
    offset = 0,
    state,
  }: MessageQuery = {}): Promise<Page<MessageSummary>> {
    const query = { botIds, limit, offset, state }
    return valueOf(await this.#call('listMessages', ORDER_DEADLINE_MS, (remote) => remote.listMessages(query)))
  }

  async getMessage(eventId: number): Promise<MessageDetail | null> {
    return valueOf(await this.#call('getMessage', ORDER_DEADLINE_MS, (remote) => remote.getMessage(eventId)))
  }

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
    return valueOf(await this.#call('listDeadLetters', ORDER_DEADLINE_MS, (remote) => remote.listDeadLetters(page)))
  }

  async resubmit({ eventId, part }: DeadLetterId, options?: AuditOptions): Promise<void> {
    const by = actorOf(options)
    const letter = { eventId, ...(part === undefined ? {} : { part }) }
    const isBack = valueOf(await this.#call('resubmit', ORDER_DEADLINE_MS, (remote) => remote.resubmit(letter, by)))
    if (isBack) return
    const what = part === undefined ? `event ${eventId}` : `part ${part} of event ${eventId}`
    throw new FeishuSupervisorError(
      'DEAD_LETTER_NOT_FOUND',
      `${what} is not a dead letter: listDeadLetters() lists those there are`,
    )
  }

  async createToken(token: NewTokenOptions, options?: AuditOptions): Promise<NewToken> {
    const by = actorOf(options)
    const input = resolveNewToken(token)
    return valueOf(await this.#call('createToken', ORDER_DEADLINE_MS, (remote) => remote.createToken(input, by)))
  }

  async listTokens(): Promise<readonly ApiTokenRecord[]> {
    return valueOf(await this.#call('listTokens', ORDER_DEADLINE_MS, (remote) => remote.listTokens()))
  }

  async revokeToken(id: string, options?: AuditOptions): Promise<void> {
    const by = actorOf(options)
    if (valueOf(await this.#call('revokeToken', ORDER_DEADLINE_MS, (remote) => remote.revokeToken(id, by)))) return
    throw new FeishuSupervisorError(
      'TOKEN_NOT_FOUND',
      `there is no valid token ${id}: listTokens() names those there are`,
    )
  }

  async authenticate(id: string, secret: string): Promise<ApiTokenRecord | null> {
    return valueOf(await this.#call('authenticate', ORDER_DEADLINE_MS, (remote) => remote.authenticate(id, secret)))
  }

  async rotateKeys(options?: AuditOptions): Promise<number> {
    const by = actorOf(options)
    return valueOf(await this.#call('rotateKeys', ORDER_DEADLINE_MS, (remote) => remote.rotateKeys(by)))
  }

  async auditLog({ limit = 20, offset = 0 }: AuditQuery = {}): Promise<Page<AuditEntry>> {
    return valueOf(await this.#call('auditLog', ORDER_DEADLINE_MS, (remote) => remote.auditLog({ limit, offset })))
  }

  async diagnose(botIds?: readonly string[]): Promise<readonly Finding[]> {
    return await this.#call('diagnose', DIAGNOSE_DEADLINE_MS, (remote) => remote.diagnose(botIds ?? null))
  }

  async killBot(botId: string): Promise<void> {
    const isKnown = await this.#call('killBot', ORDER_DEADLINE_MS, (remote) => remote.killBot(botId))
    if (!isKnown) throw new FeishuSupervisorError('BOT_NOT_FOUND', `there is no running bot ${botId}`)
  }
}

function noBot(botId: string): FeishuSupervisorError {
  return new FeishuSupervisorError('BOT_NOT_FOUND', `there is no bot ${botId}: listBots() names those there are`)
}

/** Actor for the audit log. Version 0.1 took a string here, which must not be ignored silently. */
function actorOf(options: AuditOptions = {}): string {
  if (typeof options !== 'object') {
    throw new FeishuSupervisorError('CONFIG_INVALID', `by: give { by: '${String(options)}' } instead of a text`)
  }
  return options.by ?? 'host'
}
