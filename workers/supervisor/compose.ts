import type { Clock } from '../../src/core/time/clock.ts'
import { errorText, FeishuSupervisorError } from '../../src/core/errors.ts'
import { createLogger } from '../../src/core/log/logger.ts'
import { hideValues } from '../../src/core/log/redact.ts'
import { stackFrames } from '../../src/core/log/stack-frames.ts'
import { createMessages, type Messages } from '../../src/messages/messages.ts'
import { ContextServer } from '../../src/messages/handle/context-server.ts'
import type { NamedEvent } from '../../src/protocol/model/events.ts'
import { ControlClient } from '../../src/protocol/control-channel.ts'
import type { SourceControl } from '../../src/protocol/model/bot-source.ts'
import type { HostRun } from '../../src/protocol/chat.ts'
import type { HostControl, SupervisorBoot } from '../../src/protocol/host.ts'
import type { BotStore, Store } from '../../src/store/store.ts'
import { processIsolation } from '../../src/supervisor/isolation/process-isolation.ts'
import { botSpawner } from '../../src/supervisor/spawn.ts'
import { threadIsolation } from '../../src/supervisor/isolation/thread-isolation.ts'
import { Supervisor } from '../../src/supervisor/supervisor.ts'
import { AlertTracker } from './health/alert-tracker.ts'
import { createAudited } from './audited.ts'
import { hostControl } from './host-control.ts'
import { BotAdmin } from './bots/bot-admin.ts'
import { BotReconciler } from './bots/bot-reconciler.ts'
import { BotRegistry } from './bots/bot-registry.ts'
import { BotLinks } from './bots/bot-links.ts'
import { storeProxy } from './store/store-proxy.ts'
import { Metrics } from './health/metrics.ts'
import { EventLog } from './health/event-log.ts'
import { InboxFigures } from './store/inbox-figures.ts'
import { HealthCheck } from './health/health-check.ts'
import { InstanceLimits } from './health/instance-limits.ts'
import { openStore } from './store/open-store.ts'
import { SourceBots } from './source/source-bots.ts'
import { SourceSync } from './source/source-sync.ts'
import { StateRecorder } from './bots/state-recorder.ts'
import { StoreSession } from './store/store-session.ts'
import { WebhookReceiver } from './bots/webhook-receiver.ts'

export interface ComposeDeps {
  readonly boot: Omit<SupervisorBoot, 'controlPort' | 'heartbeat'>
  readonly clock: Clock
  readonly random: () => number
  emit(event: NamedEvent): void
  /** Hands a handler run to the host thread. */
  runOnHost(run: HostRun): void
}

/**
 * Joins supervisor, messages and store, which do not import each other. Runs in the supervisor thread. Tests run the
 * same composition inline.
 */
export function composeSupervisor({ boot, clock, random, emit: send, runOnHost }: ComposeDeps): HostControl {
  const { options, paths } = boot
  hideValues(Object.values(options.secrets))
  const metrics = new Metrics()
  /** Observers of all events; the host gets each event after them. */
  const observers: { observe(event: NamedEvent): void }[] = [metrics]
  const emit = (event: NamedEvent): void => {
    for (const observer of observers) observer.observe(event)
    send(event)
  }
  const log = createLogger('supervisor', (event) => emit({ kind: 'log', event }))
  const handlerLog = createLogger('handler', (event) => emit({ kind: 'log', event }))
  observers.push(new EventLog(log))
  const registry = new BotRegistry()
  const source = boot.sourcePort && new SourceBots(new ControlClient<SourceControl>(boot.sourcePort, clock))
  const botStore = (): BotStore => source ?? openedStore().bots
  const inboxFigures = new InboxFigures(() => storeSession.store?.inbox, clock)

  const supervisor = new Supervisor({
    spawn: botSpawner(
      {
        thread: threadIsolation(paths.botWorker, options.supervision),
        process: processIsolation(paths.botProcess, paths.botWorker, options.supervision),
      },
      clock,
    ),
    policy: options.supervision,
    clock,
    random,
    spawned: (botId, thread, incarnation) => links.spawned(botId, thread, incarnation),
    gone: (botId, incarnation) => links.gone(botId, incarnation),
    changed: (status) => reconciler.statusChanged(status),
    identified: (botId, openId) => void reconciler.identified(botId, openId),
    log: (event) => emit({ kind: 'log', event }),
  })

  const links = new BotLinks({
    connection: options.connection,
    clock,
    accept: (botId, event) => messages.accept(botId, event),
    misbehaved: (botId, incarnation, cause) => supervisor.misbehaved(botId, incarnation, cause),
    acked: (ms) => metrics.acked(ms),
  })

  const alerts = new AlertTracker(options.connection.fastAttempts, emit)

  const instanceLimits = new InstanceLimits(options.health, options.messages)
  const healthCheck = new HealthCheck({
    limits: instanceLimits,
    alerts,
    everyMs: options.health.everyMs,
    bots: () => reconciler.reports,
    pool: () => messages.stats(),
    inbox: inboxFigures,
    clock,
  })
  observers.push(healthCheck)

  const shared = {
    registry,
    supervisor,
    store: botStore,
    connection: options.connection,
    handlers: Object.keys(options.handlers),
  }
  const reconciler = new BotReconciler({
    ...shared,
    maxConnections: options.maxConnections,
    clock,
    random,
    changed: (event) => {
      alerts.observe(event, clock.now())
      states.record(event)
      emit({ kind: 'bot', event })
    },
    removed: (botId) => {
      alerts.forget(botId, clock.now())
      emit({ kind: 'removed', event: { botId } })
    },
  })
  const written = (botId: string): void => void sync?.refresh(botId)
  const admin = new BotAdmin({ ...shared, reconciler, written, startsBots: boot.startsBots })
  const states = new StateRecorder({ store: botStore, fastAttempts: options.connection.fastAttempts })

  const sync =
    source &&
    new SourceSync({
      source,
      reconciler,
      registry,
      wake: () => messages.wake(),
      changed: (error) => {
        alerts.observeSource(error, clock.now())
        if (error === undefined) states.retry()
      },
      clock,
      random,
    })

  const messages: Messages = createMessages({
    // The handler of an event is unknown until the list of bots is complete.
    ...storeProxy(() => (registry.isOpen ? storeSession.store : undefined), log),
    owner: boot.instanceId,
    handlers: options.handlers,
    bots: registry,
    secrets: options.secrets,
    contextServer: new ContextServer({
      history: (query) => openedStore().log.history(query),
      log: handlerLog,
    }),
    runOnHost,
    chatWorker: paths.chatWorker,
    chatProcess: paths.chatProcess,
    sendReply: (botId, reply) => links.send(botId, reply),
    callCard: (botId, call) => links.call(botId, call),
    clock,
    random,
    emit: (event) => emit({ kind: 'message', event }),
    onPrinted: (text) => handlerLog.info(text, { printed: true }),
    onIdleDeath: (thrown) => {
      const stack = stackFrames(thrown, paths.chatWorker)
      log.error(`a thread or process of handlers ended between runs: ${errorText(thrown)}`, { stack })
    },
    onStuck: () => void healthCheck.check(),
    onCrowded(crowded) {
      instanceLimits.crowded(crowded)
      void healthCheck.check()
    },
    options: { ...options.messages, maxPayloadBytes: options.connection.maxPayloadBytes },
  })

  const webhooks = new WebhookReceiver({
    botOfApp: (appId) => registry.botOfApp(appId),
    accept: (botId, event) => messages.accept(botId, event),
    acceptTimeoutMs: options.connection.acceptTimeoutMs,
    maxPayloadBytes: options.connection.maxPayloadBytes,
    clock,
    log,
  })

  const storeSession = new StoreSession({
    open: () => openStore(options, paths, log),
    opened: async () => {
      if (!boot.startsBots) return
      await (sync === undefined ? reconciler.open() : sync.refresh())
      messages.wake()
    },
    changed: (ready, error) => {
      if (ready) states.retry()
      emit({ kind: 'store', event: { ready, ...(error === undefined ? {} : { error }) } })
      // Other errors make `start` fail, which reports them.
      if (error === undefined || error.retryable) alerts.observeStore(error, clock.now())
    },
    rescued: () => messages.wake(),
    instanceId: boot.instanceId,
    supersedes: boot.supersedes,
    leaseMs: options.messages.leaseMs,
    clock,
    random,
  })

  return hostControl({
    boot,
    supervisor,
    reconciler,
    admin,
    states,
    sync,
    webhooks,
    messages,
    storeSession,
    openedStore,
    inboxFigures,
    healthCheck,
    metrics,
    audited: createAudited(() => openedStore().access, log),
    clock,
  })

  function openedStore(): Store {
    const { store } = storeSession
    if (store === undefined) throw new FeishuSupervisorError('STORE_UNAVAILABLE', 'the database cannot be reached now')
    return store
  }
}
