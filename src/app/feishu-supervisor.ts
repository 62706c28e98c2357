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
import { Admin } from './admin.ts'

/** Longest wait for a new report of the supervisor thread, milliseconds. After it the last known report is used. */
const REPORT_DEADLINE_MS = 1_000

/** Time added to the limit that the supervisor thread has for storing an event, milliseconds. */
const WEBHOOK_MARGIN_MS = 300

/**
 * Handle of one supervisor, on the host's own thread. Bots, messages and the database live in the supervisor thread
 * and continue while the host is busy. The handle prints nothing, listens to no signal and never exits the process.
 * With the option `botSource`, orders about bots also reject with `BOTS_OWNED_BY_HOST` or `BOT_SOURCE_FAILED`.
 */
export class FeishuSupervisor {
  readonly #options: ResolvedOptions
  readonly #host: Host
  readonly #admin = new Admin((what, deadlineMs, run) => this.#host.thread.call(what, deadlineMs, run))
  readonly #fetch: FeishuSupervisor['fetch']
  #startedAt: number | undefined

  /** @internal Use `createFeishuSupervisor`. */
  constructor(options: ResolvedOptions, setup: HandleSetup) {
    this.#options = options
    this.#host = composeHost(options, setup)
    this.#fetch = createFetch(options, setup, this, this.#host.logger)
  }

  /**
   * Starts the supervisor thread and the bots. Resolves when the bots are started. Resolves also while the database is
   * away and everything else is right: then the database is retried for ever, and `status()` shows it. Rejects with
   * `CONFIG_INVALID`, `HANDLER_UNLOADABLE`, `DATA_DIR_IN_USE`, `DATA_DIR_UNUSABLE`, `MASTER_KEY_WRONG` or
   * `BOT_SOURCE_FAILED`, and leaves nothing behind.
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
   * Closes the connections, finishes the messages in flight and ends every thread, in `graceMs` (milliseconds, default:
   * option `shutdownGraceMs`). Half of that, at most 5 s, is kept for giving back messages that are not finished: they
   * are answered after the next start, and count no attempt. Resolves within `graceMs` + 2 s. May be called at any
   * time, also twice.
   */
  async stop(graceMs: number = this.#options.shutdownGraceMs): Promise<void> {
    this.#host.sourceSubscription?.stop()
    await this.#host.thread.stop(graceMs)
    this.#host.notifier?.close()
    this.#host.lastReport.threadGone(this.#host.clock.now())
  }

  /** Returns the current status within a second. While the supervisor thread is down or busy, returns the last known report. */
  async status(): Promise<SupervisorStatus> {
    const { thread, lastReport } = this.#host
    try {
      lastReport.replace(await thread.call('report', REPORT_DEADLINE_MS, (remote) => remote.report()))
    } catch {
      // The last report stays. The state below shows that the thread is down.
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

  /** Adds a listener and returns the function that removes it. An error thrown by a listener is logged. */
  on<K extends keyof EventMap>(name: K, listener: (event: EventMap[K]) => void): () => void {
    return this.#host.events.on(name, listener)
  }

  /**
   * HTTP API as a fetch handler. The host mounts it, or `feishu-supervisor start` serves it. `context` is passed to
   * `authorize`: any object of the host, such as its request with the user. Default: none.
   */
  readonly fetch = (request: Request, context?: object): Response | Promise<Response> => this.#fetch(request, context)

  /**
   * Checks what these bots (default: all) need to reach Feishu: egress, proxy, clock, credentials, scopes, subscription
   * mode. For all bots it also checks the database and the master key. Opens no connection. An operator has to mend
   * findings of level `error`. Rejects with `SUPERVISOR_DOWN` or `DEADLINE_EXCEEDED`.
   */
  diagnose(botIds?: readonly string[]): Promise<readonly Finding[]> {
    return this.#admin.diagnose(botIds)
  }

  /**
   * Stores a bot and starts it. Rejects with `CONFIG_INVALID` (naming the field), `BOT_EXISTS`,
   * `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`.
   */
  addBot(bot: NewBotOptions, options?: AuditOptions): Promise<BotRecord> {
    return this.#admin.addBot(bot, options)
  }

  /** Returns all stored bots in order of creation, without their secrets. Rejects with `STORE_UNAVAILABLE`, `MASTER_KEY_WRONG` or `SUPERVISOR_DOWN`. */
  listBots(): Promise<readonly BotRecord[]> {
    return this.#admin.listBots()
  }

  /**
   * Changes a bot. A new mode (`useWebSocket`) and new secrets take effect at once. With `useWebSocket: true` a bot
   * that waits for its next attempt connects at once. Rejects with `CONFIG_INVALID`, `BOT_NOT_FOUND`,
   * `CONNECTION_LIMIT`, `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`.
   */
  updateBot(botId: string, change: BotChange, options?: AuditOptions): Promise<BotRecord> {
    return this.#admin.updateBot(botId, change, options)
  }

  /** Ends a bot's worker and removes the bot. Its events and dead letters stay. Rejects like `updateBot`. */
  removeBot(botId: string, options?: AuditOptions): Promise<void> {
    return this.#admin.removeBot(botId, options)
  }

  /**
   * Starts a new worker for a bot now. A live worker closes its connection and ends first; a failed bot is released.
   * Rejects with `BOT_NOT_FOUND` also when the bot has no worker because it is disabled or waits for a connection, and
   * with `WORKER_STUCK` when two of its workers sit in native code and do not end. Resolves within 10 s.
   */
  restartBot(botId: string, options?: AuditOptions): Promise<void> {
    return this.#admin.restartBot(botId, options)
  }

  /** Returns a page of the stored events, newest first. Rejects with `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`. */
  listMessages(query?: MessageQuery): Promise<Page<MessageSummary>> {
    return this.#admin.listMessages(query)
  }

  /** Returns one event with its payload and replies; null for an unknown id. */
  getMessage(eventId: number): Promise<MessageDetail | null> {
    return this.#admin.getMessage(eventId)
  }

  /**
   * Returns a page of dead letters, newest first: events with their payload, replies with their content. Rejects with
   * `CONFIG_INVALID`, `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`.
   */
  listDeadLetters(query?: DeadLetterQuery): Promise<Page<DeadLetter>> {
    return this.#admin.listDeadLetters(query)
  }

  /**
   * Puts a dead letter back. The event is handled again like a new event; with `part`, only that reply is sent again.
   * If it is unknown whether Feishu showed the reply before, it may then appear twice. Rejects with
   * `DEAD_LETTER_NOT_FOUND`, `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`.
   */
  resubmit(letter: DeadLetterId, options?: AuditOptions): Promise<void> {
    return this.#admin.resubmit(letter, options)
  }

  /**
   * Creates a bearer token for the HTTP API. Only this call returns its text: the database stores a hash.
   * Rejects with `CONFIG_INVALID` (naming the field), `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`.
   */
  createToken(token: NewTokenOptions, options?: AuditOptions): Promise<NewToken> {
    return this.#admin.createToken(token, options)
  }

  /** Returns all tokens, newest first, without their secrets. */
  listTokens(): Promise<readonly ApiTokenRecord[]> {
    return this.#admin.listTokens()
  }

  /** Revokes a token at once. Rejects with `TOKEN_NOT_FOUND`, `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`. */
  revokeToken(id: string, options?: AuditOptions): Promise<void> {
    return this.#admin.revokeToken(id, options)
  }

  /** Returns a page of the audit log, newest entry first: each order and its actor. */
  auditLog(query?: AuditQuery): Promise<Page<AuditEntry>> {
    return this.#admin.auditLog(query)
  }

  /**
   * Seals all secrets with a new master key and returns the number of resealed bots. After a crash the next call
   * continues. Restart the other processes on the same database afterwards. Rejects with `CONFIG_INVALID` when the
   * configuration has only one key.
   */
  rotateKeys(options?: AuditOptions): Promise<number> {
    return this.#admin.rotateKeys(options)
  }

  /** @internal Connection of a bot from its report, in the words of the HTTP API. */
  connectionOf(report: BotReport): ConnectionView {
    return connectionView(report, this.#options.connection.fastAttempts)
  }

  /** @internal Figures of the supervisor thread in the Prometheus text format; empty while the thread is down. */
  async metrics(): Promise<string> {
    return await this.#host.thread.call('metrics', REPORT_DEADLINE_MS, (remote) => remote.metrics()).catch(() => '')
  }

  /** @internal Takes a webhook POST of Feishu. Status 200 means that the event is committed. Rejects with `SUPERVISOR_DOWN`. */
  async takeWebhook(appId: string, request: WebhookRequest): Promise<WebhookAnswer> {
    const deadlineMs = this.#options.connection.acceptTimeoutMs + WEBHOOK_MARGIN_MS
    return await this.#host.thread.call('takeWebhook', deadlineMs, (remote) => remote.takeWebhook(appId, request))
  }

  /** @internal Looks up a token; null when the token is not valid now. */
  authenticate(id: string, secret: string): Promise<ApiTokenRecord | null> {
    return this.#admin.authenticate(id, secret)
  }

  /** @internal Ends a bot's worker as a crash would, for drills. Rejects with `BOT_NOT_FOUND` or `SUPERVISOR_DOWN`. */
  killBot(botId: string): Promise<void> {
    return this.#admin.killBot(botId)
  }

  /** @internal Ends the supervisor thread as a crash would, for drills. The thread is restarted. */
  killSupervisor(): void {
    this.#host.thread.kill()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}
