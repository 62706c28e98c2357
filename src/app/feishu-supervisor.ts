import { FeishuSupervisorError } from '../core/errors.ts'
import { type ConnectionView, connectionView } from '../http/schema/status-view.ts'
import { type FeishuSupervisorOptions, resolveOptions } from '../options/options.ts'
import type { HostControl, ResolvedOptions, WebhookAnswer, WebhookRequest } from '../protocol/host.ts'
import type { EventMap } from '../protocol/model/events.ts'
import type { Finding } from '../protocol/model/finding.ts'
import type { BotReport, SupervisorStatus } from '../protocol/model/status.ts'
import { composeHost, createFetch, type HandleSetup, type Host } from './compose-host.ts'
import { Orders } from './orders.ts'

/** Longest wait for the thread's own report; after it the last known one is shown. */
const REPORT_DEADLINE_MS = 1_000

/** Above the time the supervisor thread allows itself to store an event. */
const WEBHOOK_MARGIN_MS = 300

/** Each bot is asked for a minute at most, several at a time. */
const DIAGNOSE_DEADLINE_MS = 150_000

/** Longest wait for an order to the thread. */
const ORDER_DEADLINE_MS = 5_000

/**
 * Creates a supervisor that does nothing until `start()`. Throws `CONFIG_INVALID`, naming the field,
 * when an option is wrong. Several may live in one process, each with its own data folder or database.
 */
export function createFeishuSupervisor(options: FeishuSupervisorOptions = {}): FeishuSupervisor {
  const { thread, ...setup } = resolveOptions(options)
  return new FeishuSupervisor(thread, setup)
}

/** The same handle with only the store behind it, for commands like `bots add`; bots are not started. */
export function openForAdministration(options: FeishuSupervisorOptions = {}): FeishuSupervisor {
  return new FeishuSupervisor(resolveOptions(options).thread, { startsBots: false })
}

/**
 * The handle of one supervisor: all that runs on the host's own thread. The bots, their messages and
 * the database live in the supervisor thread and go on while the host is busy. It prints nothing,
 * listens to no signal and never exits the process.
 */
export class FeishuSupervisor extends Orders {
  readonly #options: ResolvedOptions
  readonly #host: Host
  readonly #fetch: FeishuSupervisor['fetch']
  #startedAt: number | undefined

  /** @internal use createFeishuSupervisor */
  constructor(options: ResolvedOptions, setup: HandleSetup) {
    super()
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

  /**
   * Looks for what stands between these bots (default: all) and Feishu: egress, proxy, clock, credentials, scopes,
   * subscription mode; for all of them also at the database and the master key. Opens no connection. Findings of level
   * `error` need somebody. Rejects with `SUPERVISOR_DOWN` or `DEADLINE_EXCEEDED`.
   */
  async diagnose(botIds: readonly string[] | null = null): Promise<readonly Finding[]> {
    return await this.#host.thread.call('diagnose', DIAGNOSE_DEADLINE_MS, (remote) => remote.diagnose(botIds))
  }

  /** Ends a bot's worker as a crash would, for drills. Rejects with `BOT_NOT_FOUND` or `SUPERVISOR_DOWN`. */
  async killBot(botId: string): Promise<void> {
    const isKnown = await this.#host.thread.call('killBot', ORDER_DEADLINE_MS, (remote) => remote.killBot(botId))
    if (!isKnown) throw new FeishuSupervisorError('BOT_NOT_FOUND', `there is no running bot ${botId}`)
  }

  /** Ends the supervisor thread as a crash would, for drills; it is started again. */
  killSupervisor(): void {
    this.#host.thread.kill()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  protected async call<T>(what: string, run: (remote: HostControl) => Promise<T>): Promise<T> {
    return await this.#host.thread.call(what, ORDER_DEADLINE_MS, run)
  }
}
