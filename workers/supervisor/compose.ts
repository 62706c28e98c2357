import type { Clock } from '../../src/core/clock.ts'
import { errorText, FeishuSupervisorError, toErrorRecord } from '../../src/core/errors.ts'
import { createLogger } from '../../src/core/logger.ts'
import { Secret } from '../../src/core/secret.ts'
import { createMessages, type Messages } from '../../src/messages/messages.ts'
import type { ConnectionOptions } from '../../src/protocol/boot.ts'
import type { NamedEvent } from '../../src/protocol/events.ts'
import type { BotInput, BotRecord, HostControl, Result, SupervisorBoot } from '../../src/protocol/host.ts'
import type { SupervisorReport } from '../../src/protocol/status.ts'
import { processCarrier } from '../../src/supervisor/process-carrier.ts'
import { botSpawner } from '../../src/supervisor/spawn.ts'
import { threadCarrier } from '../../src/supervisor/thread-carrier.ts'
import { Supervisor } from '../../src/supervisor/supervisor.ts'
import type { Bot } from '../../src/store/store.ts'
import { AlertWatch } from './alert-watch.ts'
import { BotLink } from './bot-link.ts'
import { Fleet } from './fleet.ts'
import { lateInbox } from './late-inbox.ts'
import { logIncident } from './log-incident.ts'
import { openStore } from './open-store.ts'
import { StoreKeeper } from './store-keeper.ts'

export interface ComposeDependencies {
  readonly boot: Omit<SupervisorBoot, 'controlPort' | 'heartbeat'>
  readonly clock: Clock
  readonly random: () => number
  emit(event: NamedEvent): void
}

/** Longest wait for the inbox's figures in a report; a slow database must not make the status slow. */
const SUMMARY_DEADLINE_MS = 300

/** Longest wait for the bots' threads to end, part of what the handle adds to the grace. */
const BOTS_STOP_MS = 300

/**
 * Joins supervisor, messages and store, which do not know each other. Runs in the supervisor thread;
 * tests run the same composition inline.
 */
export function composeSupervisor({ boot, clock, random, emit }: ComposeDependencies): HostControl {
  const { options, paths } = boot
  const log = createLogger('supervisor', (event) => emit({ kind: 'log', event }))
  const links = new Map<string, BotLink>()
  let inboxFigures: SupervisorReport['inbox'] = { depth: 0, oldestAgeMs: 0, dead: 0 }

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
        }),
      )
    },
    gone: (botId, incarnation) => {
      const link = links.get(botId)
      if (link?.incarnation !== incarnation) return
      links.delete(botId)
      link.lost()
    },
    changed: (event) => {
      emit({ kind: 'bot', event })
      alerts.see(event, clock.now())
      fleet.changed(event)
    },
    log: (event) => emit({ kind: 'log', event }),
  })

  const alerts = new AlertWatch(options.connection.fastAttempts, (named) => {
    emit(named)
    logIncident(log, named)
  })

  const fleet = new Fleet({
    maxConnections: options.maxConnections,
    rotateEveryMs: options.connection.rotateEveryMs,
    clock,
    random,
    start: ({ id, name, appId, appSecret, domain, isolation }) =>
      supervisor.start({
        botId: id,
        name,
        appId,
        appSecret: appSecret.reveal(),
        domain,
        connection: options.connection,
        isolation,
      }),
    rotate: (botId, mayOverlap) => supervisor.rotate(botId, mayOverlap, rotationDeadlineMs(options.connection)),
    rests: (event) => emit({ kind: 'bot', event }),
  })

  const messages: Messages = createMessages({
    inbox: lateInbox(() => keeper.store, log),
    owner: boot.instanceId,
    handler: options.handler,
    chatWorker: paths.chatWorker,
    sendReply: async (botId, reply) =>
      (await links.get(botId)?.send(reply)) ?? {
        kind: 'failed',
        failure: {
          error: { code: 'WORKER_UNREACHABLE', message: `bot ${botId} has no worker now`, retryable: true },
          isRefused: true,
        },
      },
    clock,
    random,
    emit: (event) => emit({ kind: 'message', event }),
    onIdleDeath: (thrown) => log.error(`a chat thread ended between tasks: ${errorText(thrown)}`),
    onStuck: (stuck) =>
      log.error(`a chat thread does not end, its handler sits in native code; ${stuck} such threads`, { stuck }),
    options: { ...options.messages, maxPayloadBytes: options.connection.maxPayloadBytes },
  })

  const keeper = new StoreKeeper({
    open: () => openStore(options, paths),
    opened: async (store) => {
      if (!boot.startsBots) return
      for (const bot of await store.bots.list()) fleet.start(bot)
      messages.wake()
    },
    changed: (ready, error) => {
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
        } catch (thrown) {
          await stop(0)
          throw thrown
        }
        return undefined
      })
    },

    stop: (graceMs) => stop(graceMs),

    async report() {
      inboxFigures = await figures()
      return {
        bots: [...supervisor.statuses, ...fleet.resting],
        pool: messages.stats(),
        inbox: inboxFigures,
        store: { kind: options.databaseUrl === undefined ? 'pglite' : 'postgres', ...keeper.status },
      }
    },

    async addBot(input: BotInput) {
      return await result(async () => {
        const bot = await openedStore().bots.add({ ...input, appSecret: new Secret(input.appSecret) })
        if (boot.startsBots) fleet.start(bot)
        return record(bot)
      })
    },

    async updateBot(botId, { name, appSecret }) {
      return await result(async () => {
        const bot = await openedStore().bots.update(botId, {
          ...(name === undefined ? {} : { name }),
          ...(appSecret === undefined ? {} : { appSecret: new Secret(appSecret) }),
        })
        if (bot === null) return null
        supervisor.reconfigure(botId, { name: bot.name, appSecret: bot.appSecret.reveal() })
        return record(bot)
      })
    },

    async deadLetters(page) {
      return await result(() => openedStore().inbox.deadLetters(page))
    },

    async resubmit(letter) {
      return await result(async () => {
        const isBack = await openedStore().inbox.resubmit(letter)
        if (isBack) messages.wake()
        return isBack
      })
    },

    async listBots() {
      return await result(async () => (await openedStore().bots.list()).map(record))
    },

    async restartBot(botId) {
      return await supervisor.restart(botId)
    },

    killBot: (botId) => Promise.resolve(supervisor.kill(botId)),
  }

  /** Intake first, then what is in flight, then the workers that send its replies, the store last. */
  async function stop(graceMs: number): Promise<void> {
    const stopAt = clock.now() + graceMs
    fleet.close()
    // A bot that hangs must not use up the time of the messages in flight.
    await supervisor.drain(graceMs / 2)
    await messages.stop(Math.max(0, stopAt - clock.now()))
    await supervisor.stop(BOTS_STOP_MS)
    await keeper.close()
  }

  function openedStore(): NonNullable<typeof keeper.store> {
    const { store } = keeper
    if (store === undefined) throw new FeishuSupervisorError('STORE_UNAVAILABLE', 'the database cannot be reached now')
    return store
  }

  async function figures(): Promise<SupervisorReport['inbox']> {
    const { store } = keeper
    if (store === undefined) return inboxFigures
    return await new Promise((resolve) => {
      const cancel = clock.after(SUMMARY_DEADLINE_MS, () => resolve(inboxFigures))
      store.inbox
        .summary()
        .then(resolve, () => resolve(inboxFigures))
        .finally(cancel)
    })
  }
}

/** Open a fresh connection, see it alive, wait for the acknowledgements of the old one. */
function rotationDeadlineMs({ attemptTimeoutMs, pongTimeoutMs, acceptTimeoutMs }: ConnectionOptions): number {
  return attemptTimeoutMs + pongTimeoutMs + acceptTimeoutMs + 1_000
}

function record({ appSecret: _appSecret, ...shown }: Bot): BotRecord {
  return shown
}

async function result<T>(run: () => Promise<T>): Promise<Result<T>> {
  try {
    return { ok: true, value: await run() }
  } catch (thrown) {
    return { ok: false, error: toErrorRecord(thrown) }
  }
}
