import { type Clock, systemClock } from '../core/time/clock.ts'
import { Emitter } from '../core/emitter.ts'
import { errorText } from '../core/errors.ts'
import type { ChildStatus } from '../core/lifecycle/child-lifecycle.ts'
import { createLogger, type Logger } from '../core/log/logger.ts'
import { hideValues } from '../core/log/redact.ts'
import type { HandlerTable } from '../handlers/handler-table.ts'
import type { AppView } from '../http/api/app-view.ts'
import { createRoutes } from '../http/routes.ts'
import type { PackagePaths, ResolvedOptions } from '../protocol/host.ts'
import type { AlertOptions } from '../protocol/options/alert-options.ts'
import type { Authorize, HandlerOwners } from '../protocol/model/access.ts'
import type { BotSource } from '../protocol/model/bot-source.ts'
import type { Alert, EventMap } from '../protocol/model/events.ts'
import { HostHandlers } from './host-handlers.ts'
import { LastReport } from './last-report.ts'
import { Notifier } from './notifier.ts'
import { OpenAlerts } from './open-alerts.ts'
import { packagePaths } from './package-paths.ts'
import { sourceEndpoint } from './source-endpoint.ts'
import { SourceSubscription } from './source-subscription.ts'
import { SupervisorThread } from './supervisor-thread.ts'

/** Settings that differ between the handle of a host, administration and drills. */
export interface HandleSetup {
  readonly apiToken?: string | undefined
  /** Handlers that are functions, by name. Default: none. */
  readonly handlerTables?: ReadonlyMap<string, HandlerTable>
  /** Webhook for alerts. Default: none; only listeners get alerts. */
  readonly alerts?: AlertOptions | undefined
  readonly authorize?: Authorize | undefined
  readonly botSource?: BotSource | undefined
  readonly allowedHosts?: readonly string[] | undefined
  /** Origins that the `domain` of a bot may name in the HTTP API, besides those of Feishu and Lark. Default: none. */
  readonly allowedDomains?: readonly string[]
  /** Owners whose tokens may give a bot a handler. Default: none. */
  readonly handlerOwners?: HandlerOwners
  /** False for administration: bots are stored and not started. Default: true. */
  readonly startsBots?: boolean
  /** Default: the built files of this package. */
  readonly paths?: PackagePaths
  readonly clock?: Clock
}

/** Parts of one handle that run on the host's own thread. */
export interface Host {
  readonly clock: Clock
  readonly logger: Logger
  readonly events: Emitter<EventMap>
  readonly thread: SupervisorThread
  readonly lastReport: LastReport
  /** Undefined without the option `botSource`. */
  readonly sourceSubscription: SourceSubscription | undefined
  /** Undefined without the option `alerts`. */
  readonly notifier: Notifier | undefined
}

/** Longest wait until the supervisor thread has taken a change of the source, milliseconds. */
const SOURCE_DEADLINE_MS = 5_000

/** Creates and joins the parts on the host thread. */
export function composeHost(options: ResolvedOptions, setup: HandleSetup): Host {
  const { alerts, handlerTables = new Map(), botSource } = setup
  const { startsBots = true, paths = packagePaths(), clock = systemClock } = setup
  const { secrets } = options
  // A throwing listener is a bug of the host. It must not end the host from inside a callback of this library.
  const events = new Emitter<EventMap>((thrown) =>
    queueMicrotask(() => logger.error(`a listener threw: ${errorText(thrown)}`)),
  )
  const logger = createLogger('host', (record) => events.emit('log', record))
  const lastReport = new LastReport(options)
  const openAlerts = new OpenAlerts()
  const handlers = new HostHandlers({ tables: handlerTables, secrets, runnerPath: paths.handlerRunner, clock })
  hideValues(Object.values(secrets))
  const thread = new SupervisorThread({
    options,
    paths,
    source: botSource && sourceEndpoint(botSource, clock),
    startsBots,
    clock,
    random: Math.random,
    signal: ({ kind, event }) => {
      if (kind === 'alert') openAlerts.observe(event)
      events.emit(kind, event)
    },
    run: (run, gone) => handlers.run(run, gone),
    changed: (status) => threadChanged(status),
    report: (level, message) => logger[level](message),
  })
  const sourceSubscription =
    botSource &&
    new SourceSubscription(botSource, (botId) =>
      thread.call('lookAtSource', SOURCE_DEADLINE_MS, (remote) => remote.lookAtSource(botId)),
    )
  const notifier = alerts && new Notifier({ ...alerts, clock, random: Math.random, logger: logger.child('alerts') })
  if (notifier !== undefined) events.on('alert', notifier.notify)
  return { clock, logger, events, thread, lastReport, sourceSubscription, notifier }

  function threadChanged({ state, lastExit, restartCount }: ChildStatus): void {
    if (state === 'running') {
      logger.info('the supervisor is running')
      sourceSubscription?.resume()
      if (restartCount > 0) emitDown('cleared', 'running again', 'nothing: the problem has ended')
    }
    if (state === 'restarting') {
      lastReport.threadGone(clock.now())
      for (const alert of openAlerts.end(clock.now())) events.emit('alert', alert)
      logger.error(`the supervisor thread ended (${lastExit?.reason}); restarting`, { lastExit })
      emitDown('raised', lastExit?.error?.message ?? lastExit?.reason ?? 'ended', 'restarting')
    }
  }

  function emitDown(state: Alert['state'], why: string, nextStep: string): void {
    const cause = `the supervisor thread: ${why}`
    events.emit('alert', { at: clock.now(), kind: 'supervisor_down', state, cause, nextStep })
  }
}

/** Creates the HTTP API of a handle. `view` is the handle itself, whose events must work already. */
export function createFetch(
  { connection, messages }: ResolvedOptions,
  { apiToken, authorize, allowedHosts, allowedDomains = [], handlerOwners = {} }: HandleSetup,
  view: AppView,
  logger: Logger,
): (request: Request, context?: object) => Response | Promise<Response> {
  const routes = createRoutes({
    view,
    fastAttempts: connection.fastAttempts,
    botRights: { allowedDomains, handlerOwners, limits: messages },
    // Encryption and base64 make an envelope a third longer.
    maxWebhookBytes: Math.ceil(1.4 * connection.maxPayloadBytes) + 4_096,
    apiToken,
    authorize,
    allowedHosts,
    report: (thrown) => logger.error(`a request failed: ${errorText(thrown)}`),
  })
  return (request, context) => routes.fetch(request, Object(context))
}
