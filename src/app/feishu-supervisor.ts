import { type ConnectionView, connectionView } from '../http/schema/status-view.ts'
import type { ResolvedOptions, WebhookAnswer, WebhookRequest } from '../protocol/host.ts'
import type {
  ApiTokenRecord,
  AuditEntry,
  AuditOptions,
  AuditQuery,
  NewToken,
  NewTokenOptions,
} from '../protocol/model/access.ts'
import type { BotChange, NewBotOptions } from '../protocol/model/bot-input.ts'
import type { EventMap } from '../protocol/model/events.ts'
import type { Finding } from '../protocol/model/finding.ts'
import type { DeadLetter, DeadLetterId } from '../protocol/model/message.ts'
import type {
  DeadLetterQuery,
  MessageDetail,
  MessageQuery,
  MessageSummary,
  Page,
} from '../protocol/model/message-log.ts'
import type { BotRecord, BotReport, SupervisorStatus } from '../protocol/model/status.ts'
import { composeHost, createFetch, type HandleSetup, type Host } from './compose-host.ts'
import { Orders } from './orders.ts'

/** Longest wait for the thread's own report; after it the last known one is shown. */
const REPORT_DEADLINE_MS = 1_000

/** Above the time the supervisor thread allows itself to store an event. */
const WEBHOOK_MARGIN_MS = 300

/**
 * The handle of one supervisor: all that runs on the host's own thread. The bots, their messages and
 * the database live in the supervisor thread and go on while the host is busy. It prints nothing,
 * listens to no signal and never exits the process. With the option `botSource`, orders about bots reject with
 * `BOTS_OWNED_BY_HOST` or `BOT_SOURCE_FAILED` too.
 */
export class FeishuSupervisor {
  readonly #options: ResolvedOptions
  readonly #host: Host
  readonly #orders = new Orders((what, deadlineMs, run) => this.#host.thread.call(what, deadlineMs, run))
  readonly #fetch: FeishuSupervisor['fetch']
  #startedAt: number | undefined

  /** @internal use createFeishuSupervisor */
  constructor(options: ResolvedOptions, setup: HandleSetup) {
    this.#options = options
    this.#host = composeHost(options, setup)
    this.#fetch = createFetch(options, setup, this, this.#host.logger)
  }

  /**
   * Resolves when the bots are started, or while the database is away when everything else is right:
   * then it is retried for ever and `status()` says so. Rejects with `CONFIG_INVALID`,
   * `HANDLER_UNLOADABLE`, `DATA_DIR_IN_USE`, `DATA_DIR_UNUSABLE`, `MASTER_KEY_WRONG` or `BOT_SOURCE_FAILED`, leaving
   * nothing behind.
   */
  async start(): Promise<void> {
    this.#startedAt = this.#host.clock.now()
    this.#host.sourceSubscription?.start()
    try {
      await this.#host.thread.start()
    } catch (thrown) {
      this.#host.sourceSubscription?.stop()
      throw thrown
    }
  }

  /**
   * Closes the connections, finishes the messages in flight, gives back what is not finished after
   * `graceMs` (default: option `shutdownGraceMs`), ends every thread. Gone within `graceMs` + 2 s.
   * May be called at any time and twice.
   */
  async stop(graceMs: number = this.#options.shutdownGraceMs): Promise<void> {
    this.#host.sourceSubscription?.stop()
    await this.#host.thread.stop(graceMs)
    this.#host.notifier?.close()
    this.#host.lastReport.threadGone(this.#host.clock.now())
  }

  /** Answers within a second, with the last known report while the thread is down or busy. */
  async status(): Promise<SupervisorStatus> {
    const { thread, lastReport } = this.#host
    try {
      lastReport.replace(await thread.call('report', REPORT_DEADLINE_MS, (remote) => remote.report()))
    } catch {
      // The last report stands; the state below says that the thread is not there.
    }
    const { state, incarnation, restartCount, lastExit } = thread.status
    return {
      ...lastReport.report,
      state,
      ...(this.#startedAt === undefined ? {} : { startedAt: this.#startedAt }),
      incarnation,
      restarts: restartCount,
      ...(lastExit === undefined ? {} : { lastExit }),
    }
  }

  /** Returns the function that removes the listener. What a listener throws is logged and goes no further. */
  on<K extends keyof EventMap>(name: K, listener: (event: EventMap[K]) => void): () => void {
    return this.#host.events.on(name, listener)
  }

  /**
   * The HTTP API as a fetch handler, to be mounted by the host or served by `feishu-supervisor start`. `context`, if
   * any, is handed to `authorize`: an object of the host's own, such as its request with its user.
   */
  readonly fetch = (request: Request, context?: object): Response | Promise<Response> => this.#fetch(request, context)

  /**
   * Looks for what stands between these bots (default: all) and Feishu: egress, proxy, clock, credentials, scopes,
   * subscription mode; for all of them also at the database and the master key. Opens no connection. Findings of level
   * `error` need somebody. Rejects with `SUPERVISOR_DOWN` or `DEADLINE_EXCEEDED`.
   */
  diagnose(botIds?: readonly string[]): Promise<readonly Finding[]> {
    return this.#orders.diagnose(botIds)
  }

  /**
   * Stores a bot and starts it. Rejects with `CONFIG_INVALID` (naming the field), `BOT_EXISTS`,
   * `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`.
   */
  addBot(bot: NewBotOptions, options?: AuditOptions): Promise<BotRecord> {
    return this.#orders.addBot(bot, options)
  }

  /** The stored bots in order of creation, without their secrets. Rejects with `STORE_UNAVAILABLE`, `MASTER_KEY_WRONG` or `SUPERVISOR_DOWN`. */
  listBots(): Promise<readonly BotRecord[]> {
    return this.#orders.listBots()
  }

  /**
   * Changes a bot; a change of mode (`useWebSocket`) or of secrets is live, and with `useWebSocket: true` a bot that
   * waits for its next attempt connects at once. Rejects with `CONFIG_INVALID`, `BOT_NOT_FOUND`,
   * `CONNECTION_LIMIT`, `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`.
   */
  updateBot(botId: string, change: BotChange, options?: AuditOptions): Promise<BotRecord> {
    return this.#orders.updateBot(botId, change, options)
  }

  /** Ends a bot's worker and forgets the bot; its events and dead letters stay. Rejects like `updateBot`. */
  removeBot(botId: string, options?: AuditOptions): Promise<void> {
    return this.#orders.removeBot(botId, options)
  }

  /**
   * A new worker for a bot now: a live one closes its connection and ends before, a failed bot is released. Rejects
   * with `BOT_NOT_FOUND` also where the bot has no worker, because it is disabled or waits for a connection.
   */
  restartBot(botId: string, options?: AuditOptions): Promise<void> {
    return this.#orders.restartBot(botId, options)
  }

  /** A page of the stored events, newest first. Rejects with `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`. */
  listMessages(query?: MessageQuery): Promise<Page<MessageSummary>> {
    return this.#orders.listMessages(query)
  }

  /** One event with its payload and replies; null when there is none. */
  getMessage(eventId: number): Promise<MessageDetail | null> {
    return this.#orders.getMessage(eventId)
  }

  /**
   * A page of what was given up, newest first: events with their payload, replies with their content. Rejects with
   * `CONFIG_INVALID`, `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`.
   */
  listDeadLetters(query?: DeadLetterQuery): Promise<Page<DeadLetter>> {
    return this.#orders.listDeadLetters(query)
  }

  /**
   * Puts a dead letter back: the event is handled again as if it were new, or with `part` that reply is sent again.
   * A reply of which it is not known whether Feishu showed it may then be there twice. Rejects with
   * `DEAD_LETTER_NOT_FOUND`, `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`.
   */
  resubmit(letter: DeadLetterId, options?: AuditOptions): Promise<void> {
    return this.#orders.resubmit(letter, options)
  }

  /**
   * Makes a bearer token for the HTTP API. Its text is in the answer and nowhere else: only a hash is stored.
   * Rejects with `CONFIG_INVALID` (naming the field), `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`.
   */
  createToken(token: NewTokenOptions, options?: AuditOptions): Promise<NewToken> {
    return this.#orders.createToken(token, options)
  }

  /** All tokens, newest first, without their secrets. */
  listTokens(): Promise<readonly ApiTokenRecord[]> {
    return this.#orders.listTokens()
  }

  /** From now on the token is refused. Rejects with `TOKEN_NOT_FOUND`, `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`. */
  revokeToken(id: string, options?: AuditOptions): Promise<void> {
    return this.#orders.revokeToken(id, options)
  }

  /** What was ordered by whom, newest first. */
  auditLog(query?: AuditQuery): Promise<Page<AuditEntry>> {
    return this.#orders.auditLog(query)
  }

  /**
   * Seals all secrets with a new master key; answers how many bots had to be sealed anew. After a crash the next call
   * goes on. Other processes on the same database have to be started again. Rejects with `CONFIG_INVALID` when the
   * key comes from the configuration and there is only one.
   */
  rotateKeys(options?: AuditOptions): Promise<number> {
    return this.#orders.rotateKeys(options)
  }

  /** @internal What a bot's report means for its connection, in the words of the HTTP API. */
  connectionOf(report: BotReport): ConnectionView {
    return connectionView(report, this.#options.connection.fastAttempts)
  }

  /** @internal Figures of the supervisor thread in the text format of Prometheus; none while it is down. */
  async metrics(): Promise<string> {
    return await this.#host.thread.call('metrics', REPORT_DEADLINE_MS, (remote) => remote.metrics()).catch(() => '')
  }

  /** @internal A POST of Feishu; answered with 200 only when its event is committed. Rejects with `SUPERVISOR_DOWN`. */
  async takeWebhook(appId: string, request: WebhookRequest): Promise<WebhookAnswer> {
    const deadlineMs = this.#options.connection.acceptTimeoutMs + WEBHOOK_MARGIN_MS
    return await this.#host.thread.call('takeWebhook', deadlineMs, (remote) => remote.takeWebhook(appId, request))
  }

  /** @internal Null for whatever is not a valid token now. */
  authenticate(id: string, secret: string): Promise<ApiTokenRecord | null> {
    return this.#orders.authenticate(id, secret)
  }

  /** @internal Ends a bot's worker as a crash would, for drills. Rejects with `BOT_NOT_FOUND` or `SUPERVISOR_DOWN`. */
  killBot(botId: string): Promise<void> {
    return this.#orders.killBot(botId)
  }

  /** @internal Ends the supervisor thread as a crash would, for drills; it is started again. */
  killSupervisor(): void {
    this.#host.thread.kill()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}
