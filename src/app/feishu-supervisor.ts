import { type Clock, systemClock } from '../core/time/clock.ts'
import { Emitter } from '../core/emitter.ts'
import { errorText, FeishuSupervisorError } from '../core/errors.ts'
import { createLogger } from '../core/log/logger.ts'
import { hideValues } from '../core/log/redact.ts'
import { createRoutes } from '../http/routes.ts'
import { type ConnectionView, connectionView } from '../http/schema/status-view.ts'
import type { FeishuSupervisorOptions } from '../options/feishu-supervisor-options.ts'
import { resolveOptions } from '../options/options.ts'
import type { Authorize } from '../protocol/model/access.ts'
import type { BotSource } from '../protocol/model/bot-source.ts'
import type { Alert, EventMap } from '../protocol/model/events.ts'
import type { Finding } from '../protocol/model/finding.ts'
import type { HostControl, PackagePaths, ResolvedOptions, WebhookAnswer, WebhookRequest } from '../protocol/host.ts'
import type { AlertOptions } from '../protocol/options/alert-options.ts'
import {
  type BotReport,
  idleConnection,
  type SupervisorReport,
  type SupervisorStatus,
} from '../protocol/model/status.ts'
import { OpenAlerts } from './open-alerts.ts'
import type { HandlerTable } from '../handlers/handler-table.ts'
import { HostHandlers } from './host-handlers.ts'
import { Notifier } from './notifier.ts'
import { Orders } from './orders.ts'
import { packagePaths } from './package-paths.ts'
import { sourceEndpoint } from './source-endpoint.ts'
import { SourceWatch } from './source-watch.ts'
import { SupervisorThread } from './supervisor-thread.ts'

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

/** What differs between a host's handle, administration and drills. */
export interface HandleSetup {
  readonly apiToken?: string | undefined
  /** Handlers that are functions, by name. Default: none. */
  readonly handlerTables?: ReadonlyMap<string, HandlerTable>
  /** Default: alerts are only told to listeners. */
  readonly alerts?: AlertOptions | undefined
  readonly authorize?: Authorize | undefined
  readonly botSource?: BotSource | undefined
  readonly allowedHosts?: readonly string[] | undefined
  /** Where bots may be pointed at through the HTTP API. Default: nowhere. */
  readonly allowedDomains?: readonly string[]
  /** Default true. */
  readonly startsBots?: boolean
  /** Default: the built files of this package. */
  readonly paths?: PackagePaths
  readonly clock?: Clock
}

/**
 * The handle of one supervisor: all that runs on the host's own thread. The bots, their messages and
 * the database live in the supervisor thread and go on while the host is busy. It prints nothing,
 * listens to no signal and never exits the process.
 */
export class FeishuSupervisor extends Orders {
  readonly #options: ResolvedOptions
  readonly #clock: Clock
  readonly #thread: SupervisorThread
  readonly #events: Emitter<EventMap>
  readonly #notifier: Notifier | undefined
  readonly #openAlerts = new OpenAlerts()
  readonly #sourceWatch: SourceWatch | undefined
  readonly #routes: FeishuSupervisor['fetch']
  #report: SupervisorReport
  #startedAt: number | undefined

  /** @internal use createFeishuSupervisor */
  constructor(options: ResolvedOptions, setup: HandleSetup) {
    super()
    const {
      apiToken,
      alerts,
      handlerTables = new Map(),
      authorize,
      botSource,
      allowedHosts,
      allowedDomains = [],
      startsBots = true,
      paths = packagePaths(),
      clock = systemClock,
    } = setup
    this.#options = options
    this.#clock = clock
    this.#report = emptyReport(options)
    const logger = createLogger('host', (record) => this.#events.emit('log', record))
    // A listener that throws is the host's own bug: it must not end the host from inside our callback.
    this.#events = new Emitter((thrown) => queueMicrotask(() => logger.error(`a listener threw: ${errorText(thrown)}`)))
    const handlers = new HostHandlers({
      tables: handlerTables,
      secrets: options.secrets,
      runnerPath: paths.handlerRunner,
      clock,
    })
    hideValues(Object.values(options.secrets))
    this.#thread = new SupervisorThread({
      options,
      paths,
      source: botSource && sourceEndpoint(botSource, clock),
      startsBots,
      clock,
      random: Math.random,
      signal: ({ kind, event }) => {
        if (kind === 'alert') this.#openAlerts.see(event)
        this.#events.emit(kind, event)
      },
      run: (run, gone) => handlers.run(run, gone),
      changed: ({ state, lastExit, restartCount }) => {
        if (state === 'running') {
          logger.info('the supervisor is running')
          this.#sourceWatch?.resume()
          if (restartCount > 0) this.#tellDown('cleared', 'it is started again', 'nothing: it is over')
        }
        if (state === 'restarting') {
          this.#report = withoutThread(this.#report, clock.now())
          for (const alert of this.#openAlerts.end(clock.now())) this.#events.emit('alert', alert)
          logger.error(`the supervisor thread ended (${lastExit?.reason}); it is started again`, { lastExit })
          this.#tellDown('raised', lastExit?.error?.message ?? lastExit?.reason ?? 'it ended', 'it is started again')
        }
      },
      report: (level, message) => logger[level](message),
    })
    this.#sourceWatch =
      botSource &&
      new SourceWatch(botSource, (botId) => this.call('lookAtSource', (remote) => remote.lookAtSource(botId)))
    this.#notifier =
      alerts === undefined
        ? undefined
        : new Notifier({ ...alerts, clock, random: Math.random, logger: logger.child('alerts') })
    if (this.#notifier !== undefined) this.#events.on('alert', this.#notifier.notify)
    const routes = createRoutes({
      view: this,
      fastAttempts: options.connection.fastAttempts,
      allowedDomains,
      // An envelope grows by a third when it is encrypted and written in base64.
      maxWebhookBytes: Math.ceil(1.4 * options.connection.maxPayloadBytes) + 4_096,
      apiToken,
      authorize,
      allowedHosts,
      report: (thrown) => logger.error(`a request failed: ${errorText(thrown)}`),
    })
    this.#routes = (request, context) => routes.fetch(request, Object(context))
  }

  /**
   * Resolves when the bots are started, or while the database is away when everything else is right:
   * then it is retried for ever and `status()` says so. Rejects with `CONFIG_INVALID`,
   * `HANDLER_UNLOADABLE`, `DATA_DIR_IN_USE`, `DATA_DIR_UNUSABLE`, `MASTER_KEY_WRONG` or `BOT_SOURCE_FAILED`, leaving
   * nothing behind.
   */
  async start(): Promise<void> {
    this.#startedAt = this.#clock.now()
    this.#sourceWatch?.start()
    try {
      await this.#thread.start()
    } catch (thrown) {
      this.#sourceWatch?.stop()
      throw thrown
    }
  }

  /**
   * Closes the connections, finishes the messages in flight, gives back what is not finished after
   * `graceMs` (default: option `shutdownGraceMs`), ends every thread. Gone within `graceMs` + 2 s.
   * May be called at any time and twice.
   */
  async stop(graceMs: number = this.#options.shutdownGraceMs): Promise<void> {
    this.#sourceWatch?.stop()
    await this.#thread.stop(graceMs)
    this.#notifier?.close()
    this.#report = withoutThread(this.#report, this.#clock.now())
  }

  /** Answers within a second, with the last known report while the thread is down or busy. */
  async status(): Promise<SupervisorStatus> {
    try {
      this.#report = await this.#thread.call('report', REPORT_DEADLINE_MS, (remote) => remote.report())
    } catch {
      // The last report stands; the state below says that the thread is not there.
    }
    const { state, incarnation, restartCount, lastExit } = this.#thread.status
    return {
      ...this.#report,
      state,
      ...(this.#startedAt === undefined ? {} : { startedAt: this.#startedAt }),
      incarnation,
      restarts: restartCount,
      ...(lastExit === undefined ? {} : { lastExit }),
    }
  }

  /** Returns the function that removes the listener. What a listener throws is logged and goes no further. */
  on<K extends keyof EventMap>(name: K, listener: (event: EventMap[K]) => void): () => void {
    return this.#events.on(name, listener)
  }

  /**
   * The HTTP API as a fetch handler, to be mounted by the host or served by `feishu-supervisor start`. `context`, if
   * any, is handed to `authorize`: an object of the host's own, such as its request with its user.
   */
  readonly fetch = (request: Request, context?: object): Response | Promise<Response> => this.#routes(request, context)

  /** @internal What a bot's report means for its connection, in the words of the HTTP API. */
  connectionOf(report: BotReport): ConnectionView {
    return connectionView(report, this.#options.connection.fastAttempts)
  }

  /** @internal Figures of the supervisor thread in the text format of Prometheus; none while it is down. */
  async metrics(): Promise<string> {
    return await this.#thread.call('metrics', REPORT_DEADLINE_MS, (remote) => remote.metrics()).catch(() => '')
  }

  /** @internal A POST of Feishu; answered with 200 only when its event is committed. Rejects with `SUPERVISOR_DOWN`. */
  async takeWebhook(appId: string, request: WebhookRequest): Promise<WebhookAnswer> {
    const deadlineMs = this.#options.connection.acceptTimeoutMs + WEBHOOK_MARGIN_MS
    return await this.#thread.call('takeWebhook', deadlineMs, (remote) => remote.takeWebhook(appId, request))
  }

  /**
   * Looks for what stands between these bots (default: all) and Feishu: egress, proxy, clock, credentials, scopes,
   * subscription mode; for all of them also at the database and the master key. Opens no connection. Findings of level
   * `error` need somebody. Rejects with `SUPERVISOR_DOWN` or `DEADLINE_EXCEEDED`.
   */
  async diagnose(botIds?: readonly string[]): Promise<readonly Finding[]> {
    return await this.#thread.call('diagnose', DIAGNOSE_DEADLINE_MS, (remote) => remote.diagnose(botIds ?? null))
  }

  /** @internal Ends a bot's worker as a crash would, for drills. Rejects with `BOT_NOT_FOUND` or `SUPERVISOR_DOWN`. */
  async killBot(botId: string): Promise<void> {
    const isKnown = await this.#thread.call('killBot', ORDER_DEADLINE_MS, (remote) => remote.killBot(botId))
    if (!isKnown) throw new FeishuSupervisorError('BOT_NOT_FOUND', `there is no running bot ${botId}`)
  }

  /** @internal Ends the supervisor thread as a crash would, for drills; it is started again. */
  killSupervisor(): void {
    this.#thread.kill()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  /** @internal */
  protected async call<T>(what: string, run: (remote: HostControl) => Promise<T>): Promise<T> {
    return await this.#thread.call(what, ORDER_DEADLINE_MS, run)
  }

  #tellDown(state: Alert['state'], why: string, nextStep: string): void {
    const cause = `the supervisor thread: ${why}`
    this.#events.emit('alert', { at: this.#clock.now(), kind: 'supervisor_down', state, cause, nextStep })
  }
}

function emptyReport({ messages, databaseUrl }: ResolvedOptions): SupervisorReport {
  return {
    bots: [],
    pool: { threads: messages.threads, busy: 0, queued: 0, stuck: 0 },
    inbox: { depth: 0, oldestAgeMs: 0, dead: 0 },
    store: { kind: databaseUrl === undefined ? 'pglite' : 'postgres', ready: false },
  }
}

/** What is still true of a report when the thread that made it is gone: nobody is connected. */
function withoutThread(report: SupervisorReport, now: number): SupervisorReport {
  const bots = report.bots.map(({ memoryMb: _memoryMb, utilization: _utilization, ...bot }): BotReport => {
    const { nextAt: _nextAt, nextStep: _nextStep, ...child } = bot.child
    return {
      ...bot,
      child: { ...child, state: 'stopped', since: now },
      connection: idleConnection(now),
    }
  })
  return { ...report, bots, pool: { ...report.pool, busy: 0 }, store: { ...report.store, ready: false } }
}
