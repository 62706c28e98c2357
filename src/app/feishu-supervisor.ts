import { type Clock, systemClock } from '../core/clock.ts'
import { Emitter } from '../core/emitter.ts'
import { errorText, FeishuSupervisorError, fromErrorRecord } from '../core/errors.ts'
import { createLogger } from '../core/logger.ts'
import { createRoutes } from '../http/routes.ts'
import { type FeishuSupervisorOptions, resolveOptions } from '../options.ts'
import type { Alert, EventMap } from '../protocol/events.ts'
import type { AlertOptions, BotRecord, HostSignal, PackagePaths, ResolvedOptions, Result } from '../protocol/host.ts'
import type { DeadLetter, DeadLetterId, DeadLetterPage } from '../protocol/message.ts'
import type { BotStatus, SupervisorReport, SupervisorStatus } from '../protocol/status.ts'
import { type BotChange, type NewBotOptions, resolveBotChange, resolveNewBot } from './new-bot.ts'
import { Notifier } from './notifier.ts'
import { packagePaths } from './package-paths.ts'
import { SupervisorThread } from './supervisor-thread.ts'

/** Longest wait for the thread's own report; after it the last known one is shown. */
const REPORT_DEADLINE_MS = 1_000

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
  /** Default: alerts are only told to listeners. */
  readonly alerts?: AlertOptions | undefined
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
export class FeishuSupervisor {
  readonly #options: ResolvedOptions
  readonly #clock: Clock
  readonly #thread: SupervisorThread
  readonly #events: Emitter<EventMap>
  readonly #notifier: Notifier | undefined
  readonly #routes: (request: Request) => Response | Promise<Response>
  #report: SupervisorReport
  #startedAt: number | undefined

  /** @internal use createFeishuSupervisor */
  constructor(options: ResolvedOptions, setup: HandleSetup) {
    const { apiToken, alerts, startsBots = true, paths = packagePaths(), clock = systemClock } = setup
    this.#options = options
    this.#clock = clock
    this.#report = emptyReport(options)
    const logger = createLogger('host', (record) => this.#events.emit('log', record))
    // A listener that throws is the host's own bug: it must not end the host from inside our callback.
    this.#events = new Emitter((thrown) => queueMicrotask(() => logger.error(`a listener threw: ${errorText(thrown)}`)))
    this.#thread = new SupervisorThread({
      options,
      paths,
      startsBots,
      clock,
      random: Math.random,
      signal: (signal) => this.#onSignal(signal),
      changed: ({ state, lastExit, restartCount }) => {
        if (state === 'running') {
          logger.info('the supervisor is running')
          if (restartCount > 0) this.#tellDown('cleared', 'it is started again', 'nothing: it is over')
        }
        if (state === 'restarting') {
          this.#report = withoutThread(this.#report, clock.now())
          logger.error(`the supervisor thread ended (${lastExit?.reason}); it is started again`, { lastExit })
          this.#tellDown('raised', lastExit?.error?.message ?? lastExit?.reason ?? 'it ended', 'it is started again')
        }
      },
      report: (level, message) => logger[level](message),
    })
    this.#notifier =
      alerts === undefined
        ? undefined
        : new Notifier({ ...alerts, clock, random: Math.random, logger: logger.child('alerts') })
    if (this.#notifier !== undefined) this.#events.on('alert', this.#notifier.notify)
    const routes = createRoutes(this, { fastAttempts: options.connection.fastAttempts, apiToken })
    this.#routes = (request) => routes.fetch(request)
  }

  /**
   * Resolves when the bots are started, or while the database is away when everything else is right:
   * then it is retried for ever and `status()` says so. Rejects with `CONFIG_INVALID`,
   * `HANDLER_UNLOADABLE`, `DATA_DIR_IN_USE`, `DATA_DIR_UNUSABLE` or `MASTER_KEY_WRONG`, leaving nothing behind.
   */
  async start(): Promise<void> {
    this.#startedAt = this.#clock.now()
    await this.#thread.start()
  }

  /**
   * Closes the connections, finishes the messages in flight, gives back what is not finished after
   * `graceMs` (default: option `shutdownGraceMs`), ends every thread. Gone within `graceMs` + 2 s.
   * May be called at any time and twice.
   */
  async stop(graceMs: number = this.#options.shutdownGraceMs): Promise<void> {
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

  /** The HTTP API as a fetch handler, to be mounted by the host or served by `feishu-supervisor start`. */
  readonly fetch = (request: Request): Response | Promise<Response> => this.#routes(request)

  /**
   * Stores a bot and starts it. Rejects with `CONFIG_INVALID` (naming the field), `BOT_EXISTS`,
   * `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`.
   */
  async addBot(bot: NewBotOptions): Promise<BotRecord> {
    const input = resolveNewBot(bot)
    return value(await this.#thread.call('addBot', ORDER_DEADLINE_MS, (remote) => remote.addBot(input)))
  }

  /**
   * Changes a stored bot. A new app secret reaches its worker at once: a bot that stopped because its credentials
   * were refused connects again. Rejects with `CONFIG_INVALID` (naming the field), `BOT_NOT_FOUND`,
   * `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`.
   */
  async updateBot(botId: string, change: BotChange): Promise<BotRecord> {
    const input = resolveBotChange(change)
    const bot = value(
      await this.#thread.call('updateBot', ORDER_DEADLINE_MS, (remote) => remote.updateBot(botId, input)),
    )
    if (bot === null)
      throw new FeishuSupervisorError('BOT_NOT_FOUND', `there is no bot ${botId}: listBots() names those there are`)
    return bot
  }

  /** The stored bots in order of creation, without their secrets. Rejects with `STORE_UNAVAILABLE`, `MASTER_KEY_WRONG` or `SUPERVISOR_DOWN`. */
  async listBots(): Promise<readonly BotRecord[]> {
    return value(await this.#thread.call('listBots', ORDER_DEADLINE_MS, (remote) => remote.listBots()))
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
    return value(await this.#thread.call('deadLetters', ORDER_DEADLINE_MS, (remote) => remote.deadLetters(page)))
  }

  /**
   * Puts a dead letter back: the event is handled again as if it were new, or with `part` that reply is sent again.
   * A reply of which it is not known whether Feishu showed it may then be there twice. Rejects with
   * `DEAD_LETTER_NOT_FOUND`, `STORE_UNAVAILABLE` or `SUPERVISOR_DOWN`.
   */
  async resubmit({ eventId, part }: DeadLetterId): Promise<void> {
    const letter = { eventId, ...(part === undefined ? {} : { part }) }
    const isBack = value(await this.#thread.call('resubmit', ORDER_DEADLINE_MS, (remote) => remote.resubmit(letter)))
    if (isBack) return
    const what = part === undefined ? `event ${eventId}` : `part ${part} of event ${eventId}`
    throw new FeishuSupervisorError(
      'DEAD_LETTER_NOT_FOUND',
      `${what} is not a dead letter: deadLetters() lists those there are`,
    )
  }

  /**
   * A new worker for a bot now: a live one closes its connection and ends before, a failed bot is released, and the
   * restarts so far no longer count. Resolves once it starts. Rejects with `BOT_NOT_FOUND` or `SUPERVISOR_DOWN`.
   */
  async restartBot(botId: string): Promise<void> {
    const isKnown = await this.#thread.call('restartBot', ORDER_DEADLINE_MS, (remote) => remote.restartBot(botId))
    if (!isKnown) throw new FeishuSupervisorError('BOT_NOT_FOUND', `there is no running bot ${botId}`)
  }

  /** Ends a bot's worker as a crash would, for drills. Rejects with `BOT_NOT_FOUND` or `SUPERVISOR_DOWN`. */
  async killBot(botId: string): Promise<void> {
    const isKnown = await this.#thread.call('killBot', ORDER_DEADLINE_MS, (remote) => remote.killBot(botId))
    if (!isKnown) throw new FeishuSupervisorError('BOT_NOT_FOUND', `there is no running bot ${botId}`)
  }

  /** Ends the supervisor thread as a crash would, for drills; it is started again. */
  killSupervisor(): void {
    this.#thread.kill()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  #tellDown(state: Alert['state'], why: string, nextStep: string): void {
    const cause = `the supervisor thread: ${why}`
    this.#events.emit('alert', { at: this.#clock.now(), kind: 'supervisor_down', state, cause, nextStep })
  }

  #onSignal({ kind, event }: HostSignal): void {
    this.#events.emit(kind, event)
  }
}

function value<T>(result: Result<T>): T {
  if (!result.ok) throw fromErrorRecord(result.error)
  return result.value
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
  const bots = report.bots.map(({ memoryMb: _memoryMb, ...bot }): BotStatus => {
    const { nextAt: _nextAt, nextStep: _nextStep, ...child } = bot.child
    return {
      ...bot,
      child: { ...child, state: 'stopped', since: now },
      connection: { state: 'idle', since: now, attempt: 0 },
    }
  })
  return { ...report, bots, pool: { ...report.pool, busy: 0 }, store: { ...report.store, ready: false } }
}
