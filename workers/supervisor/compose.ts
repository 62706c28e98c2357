import type { Clock } from '../../src/core/time/clock.ts'
import { errorText, FeishuSupervisorError } from '../../src/core/errors.ts'
import { createLogger } from '../../src/core/log/logger.ts'
import { hideValues } from '../../src/core/log/redact.ts'
import { createMessages, type Messages } from '../../src/messages/messages.ts'
import { RunDesk } from '../../src/messages/handle/run-desk.ts'
import type { SendOutcome } from '../../src/protocol/data.ts'
import type { NamedEvent } from '../../src/protocol/model/events.ts'
import { ControlClient } from '../../src/protocol/control-client.ts'
import type { SourceControl } from '../../src/protocol/model/bot-source.ts'
import type { HostRun } from '../../src/protocol/chat.ts'
import type { HostControl, SupervisorBoot } from '../../src/protocol/host.ts'
import type { BotStore } from '../../src/store/store.ts'
import { processCarrier } from '../../src/supervisor/process-carrier.ts'
import { botSpawner } from '../../src/supervisor/spawn.ts'
import { threadCarrier } from '../../src/supervisor/thread-carrier.ts'
import { Supervisor } from '../../src/supervisor/supervisor.ts'
import { AlertWatch } from './watch/alert-watch.ts'
import { createAudited } from './audited.ts'
import { BotDesk } from './bots/bot-desk.ts'
import { BotLink } from './bots/bot-link.ts'
import { lateStore } from './store/late-store.ts'
import { diagnose } from './watch/diagnose.ts'
import { Metrics } from './watch/metrics.ts'
import { EventLog } from './watch/event-log.ts'
import { InboxFigures } from './store/inbox-figures.ts'
import { InstancePatrol } from './watch/instance-patrol.ts'
import { InstanceWatch } from './watch/instance-watch.ts'
import { keySource, openStore } from './store/open-store.ts'
import { accessOrders, botOrders, messageOrders } from './orders.ts'
import { result } from '../../src/protocol/model/result.ts'
import { rotateKeys } from './store/rotate-keys.ts'
import { SourceBots } from './source/source-bots.ts'
import { SourceSync } from './source/source-sync.ts'
import { StateRecorder } from './bots/state-recorder.ts'
import { StoreKeeper } from './store/store-keeper.ts'
import { WebhookDesk } from './bots/webhook-desk.ts'

export interface ComposeDependencies {
  readonly boot: Omit<SupervisorBoot, 'controlPort' | 'heartbeat'>
  readonly clock: Clock
  readonly random: () => number
  emit(event: NamedEvent): void
  /** Hands a run to the host's thread. */
  runOnHost(run: HostRun): void
}

/** Longest wait for the bots' threads to end, part of what the handle adds to the grace. */
const BOTS_STOP_MS = 300

/**
 * Joins supervisor, messages and store, which do not know each other. Runs in the supervisor thread;
 * tests run the same composition inline.
 */
export function composeSupervisor({ boot, clock, random, emit: tell, runOnHost }: ComposeDependencies): HostControl {
  const { options, paths } = boot
  hideValues(Object.values(options.secrets))
  const metrics = new Metrics()
  const emit = (named: NamedEvent): void => {
    metrics.see(named)
    patrol.see(named)
    eventLog.see(named)
    tell(named)
  }
  const log = createLogger('supervisor', (event) => emit({ kind: 'log', event }))
  const eventLog = new EventLog(log)
  const links = new Map<string, BotLink>()
  const source = boot.sourcePort && new SourceBots(new ControlClient<SourceControl>(boot.sourcePort, clock))
  const botStore = (): BotStore => source ?? openedStore().bots
  const inboxFigures = new InboxFigures(() => keeper.store?.inbox, clock)

  const supervisor = new Supervisor({
    spawn: botSpawner(
      {
        thread: threadCarrier(paths.botWorker, options.supervision),
        process: processCarrier(paths.botProcess, paths.botWorker, options.supervision),
      },
      clock,
    ),
    policy: options.supervision,
    clock,
    random,
    spawned: (botId, thread, incarnation) => {
      links.set(
        botId,
        new BotLink({
          botId,
          incarnation,
          port: thread.dataPort,
          // As many calls as one send makes at most; see Sender.
          sendDeadlineMs: 5 * options.connection.sendTimeoutMs + 1_000,
          clock,
          accept: (event) => messages.accept(botId, event),
          acked: (ms) => metrics.acked(ms),
          creditWindow: options.connection.creditWindow,
          maxPayloadBytes: options.connection.maxPayloadBytes,
          misbehaved: (cause) => supervisor.misbehaved(botId, incarnation, cause),
        }),
      )
    },
    gone: (botId, incarnation) => {
      const link = links.get(botId)
      if (link?.incarnation !== incarnation) return
      links.delete(botId)
      link.lost()
    },
    changed: (status) => bots.statusChanged(status),
    identified: (botId, openId) => void bots.identified(botId, openId),
    log: (event) => emit({ kind: 'log', event }),
  })

  const alerts = new AlertWatch(options.connection.fastAttempts, emit)

  const patrol = new InstancePatrol({
    watch: new InstanceWatch(options.health, options.messages.threads),
    alerts,
    everyMs: options.health.everyMs,
    bots: () => bots.reports,
    pool: () => messages.stats(),
    inbox: inboxFigures,
    clock,
  })

  const bots = new BotDesk({
    supervisor,
    store: botStore,
    written: (botId) => void sync?.look(botId),
    connection: options.connection,
    maxConnections: options.maxConnections,
    handlers: Object.keys(options.handlers),
    startsBots: boot.startsBots,
    clock,
    random,
    changed: (event) => {
      alerts.see(event, clock.now())
      states.record(event)
      emit({ kind: 'bot', event })
    },
    removed: (botId) => emit({ kind: 'removed', event: { botId } }),
  })
  const states = new StateRecorder({
    store: botStore,
    fastAttempts: options.connection.fastAttempts,
  })

  const sync =
    source &&
    new SourceSync({
      source,
      desk: bots,
      wake: () => messages.wake(),
      changed: (error) => {
        alerts.seeSource(error, clock.now())
        if (error === undefined) states.retry()
      },
      clock,
      random,
    })

  const audited = createAudited(() => openedStore().access, log)

  const messages: Messages = createMessages({
    // Without the bots it would not be known who handles what.
    ...lateStore(() => (bots.isOpen ? keeper.store : undefined), log),
    owner: boot.instanceId,
    handlers: options.handlers,
    bots,
    secrets: options.secrets,
    desk: new RunDesk({
      history: (query) => openedStore().log.history(query),
      log: createLogger('handler', (event) => emit({ kind: 'log', event })),
    }),
    runOnHost,
    chatWorker: paths.chatWorker,
    sendReply: async (botId, reply) => (await links.get(botId)?.send(reply)) ?? unreachable(botId),
    callCard: async (botId, call) => (await links.get(botId)?.call(call)) ?? unreachable(botId),
    clock,
    random,
    emit: (event) => emit({ kind: 'message', event }),
    onIdleDeath: (thrown) => log.error(`a chat thread ended between tasks: ${errorText(thrown)}`),
    onStuck: () => void patrol.look(),
    options: { ...options.messages, maxPayloadBytes: options.connection.maxPayloadBytes },
  })

  const webhooks = new WebhookDesk({
    botOfApp: (appId) => bots.botOfApp(appId),
    accept: (botId, event) => messages.accept(botId, event),
    acceptTimeoutMs: options.connection.acceptTimeoutMs,
    maxPayloadBytes: options.connection.maxPayloadBytes,
    clock,
    log,
  })

  const keeper = new StoreKeeper({
    open: () => openStore(options, paths),
    opened: async () => {
      if (!boot.startsBots) return
      await (sync === undefined ? bots.open() : sync.look())
      messages.wake()
    },
    changed: (ready, error) => {
      if (ready) states.retry()
      emit({ kind: 'store', event: { ready, ...(error === undefined ? {} : { error }) } })
      // What is not retryable ends the start and is reported there.
      if (error === undefined || error.retryable) alerts.seeStore(error, clock.now())
    },
    rescued: () => messages.wake(),
    instanceId: boot.instanceId,
    supersedes: boot.supersedes,
    leaseMs: options.messages.leaseMs,
    clock,
    random,
  })

  return {
    async start() {
      return await result(async () => {
        try {
          if (boot.startsBots) await messages.start()
          await keeper.start()
          if (boot.startsBots) patrol.start()
        } catch (thrown) {
          await stop(0)
          throw thrown
        }
        return undefined
      })
    },

    stop: (graceMs) => stop(graceMs),

    async report() {
      const inbox = await inboxFigures.read()
      return {
        bots: bots.reports,
        pool: messages.stats(),
        inbox,
        store: { kind: options.databaseUrl === undefined ? 'pglite' : 'postgres', ...keeper.status },
        ...(sync === undefined ? {} : { botSource: sync.status }),
      }
    },

    metrics: () => metrics.text(),

    takeWebhook: (appId, request) => webhooks.take(appId, request),
    ...botOrders(bots, audited),
    rotateKeys: (by) =>
      result(() => audited({ by, action: 'keys.rotate' }, () => rotateKeys(openedStore().keys, keySource(options)))),
    ...accessOrders(() => openedStore().access, audited),

    ...messageOrders(openedStore, audited, () => messages.wake()),
    lookAtSource: async (botId) => void sync?.look(botId),
    diagnose: (botIds) =>
      diagnose(
        { store: keeper.store, error: keeper.status.error, bots: () => bots.all(), check: (bot) => bots.check(bot) },
        botIds,
      ),

    hostRunEnded: async (id, outcome) => messages.hostRunEnded(id, outcome),
    killBot: (botId) => Promise.resolve(supervisor.kill(botId)),
  }

  /** Intake first, then what is in flight, then the workers that send its replies, the store last. */
  async function stop(graceMs: number): Promise<void> {
    const stopAt = clock.now() + graceMs
    patrol.close()
    sync?.close()
    bots.close()
    // A bot that hangs must not use up the time of the messages in flight.
    await supervisor.drain(graceMs / 2)
    await messages.stop(Math.max(0, stopAt - clock.now()))
    await supervisor.stop(BOTS_STOP_MS)
    await states.flush()
    await keeper.close()
    metrics.close()
  }

  function openedStore(): NonNullable<typeof keeper.store> {
    const { store } = keeper
    if (store === undefined) throw new FeishuSupervisorError('STORE_UNAVAILABLE', 'the database cannot be reached now')
    return store
  }
}

/** Nothing was shown: nobody was there to be asked. */
function unreachable(botId: string): Extract<SendOutcome, { kind: 'failed' }> {
  const message = `bot ${botId} has no worker now`
  return {
    kind: 'failed',
    failure: { error: { code: 'WORKER_UNREACHABLE', message, retryable: true }, isRefused: true },
  }
}
