import type { Clock } from '../../src/core/time/clock.ts'
import type { Messages } from '../../src/messages/messages.ts'
import type { HostControl, SupervisorBoot } from '../../src/protocol/host.ts'
import { result } from '../../src/protocol/model/result.ts'
import type { Store } from '../../src/store/store.ts'
import type { Supervisor } from '../../src/supervisor/supervisor.ts'
import type { Audited } from './audited.ts'
import type { BotAdmin } from './bots/bot-admin.ts'
import type { BotReconciler } from './bots/bot-reconciler.ts'
import type { StateRecorder } from './bots/state-recorder.ts'
import type { WebhookReceiver } from './bots/webhook-receiver.ts'
import { accessVerbs, botVerbs, messageVerbs } from './control-verbs.ts'
import type { SourceSync } from './source/source-sync.ts'
import type { InboxFigures } from './store/inbox-figures.ts'
import { keySource } from './store/open-store.ts'
import { rotateMasterKeys } from './store/rotate-master-keys.ts'
import type { StoreSession } from './store/store-session.ts'
import { diagnose } from './health/diagnose.ts'
import type { HealthCheck } from './health/health-check.ts'
import type { Metrics } from './health/metrics.ts'

export interface HostControlDeps {
  readonly boot: Pick<SupervisorBoot, 'options' | 'startsBots'>
  readonly supervisor: Supervisor
  readonly reconciler: BotReconciler
  readonly admin: BotAdmin
  readonly states: StateRecorder
  /** Undefined without a bot source. */
  readonly sync: SourceSync | undefined
  readonly webhooks: WebhookReceiver
  readonly messages: Messages
  readonly storeSession: StoreSession
  /** Throws `STORE_UNAVAILABLE` while no store is open. */
  readonly openedStore: () => Store
  readonly inboxFigures: InboxFigures
  readonly healthCheck: HealthCheck
  readonly metrics: Metrics
  readonly audited: Audited
  readonly clock: Clock
}

/** Longest wait for the bot workers to end, milliseconds. It is part of the time that `FeishuSupervisor.stop` adds to the grace. */
const BOTS_STOP_MS = 300

/** Implements `HostControl`, the calls of the host to the supervisor thread. */
export function hostControl(deps: HostControlDeps): HostControl {
  const { boot, supervisor, reconciler, admin, states, sync, webhooks, messages, storeSession, openedStore } = deps
  const { inboxFigures, healthCheck, metrics, audited, clock } = deps
  const { options, startsBots } = boot

  return {
    async start() {
      return await result(async () => {
        try {
          if (startsBots) await messages.start()
          await storeSession.start()
          if (startsBots) healthCheck.start()
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
        bots: reconciler.reports,
        pool: messages.stats(),
        inbox,
        store: { kind: options.databaseUrl === undefined ? 'pglite' : 'postgres', ...storeSession.status },
        ...(sync === undefined ? {} : { botSource: sync.status }),
      }
    },

    metrics: () => metrics.text(),

    takeWebhook: (appId, request) => webhooks.take(appId, request),
    ...botVerbs(admin, audited),
    rotateKeys: (by) =>
      result(() =>
        audited({ by, action: 'keys.rotate' }, () => rotateMasterKeys(openedStore().keys, keySource(options))),
      ),
    ...accessVerbs(() => openedStore().access, audited),

    ...messageVerbs(openedStore, audited, () => messages.wake()),
    lookAtSource: async (botId) => void sync?.refresh(botId),
    diagnose: (botIds) =>
      diagnose(
        {
          store: storeSession.store,
          error: storeSession.status.error,
          bots: () => admin.all(),
          check: (bot) => admin.check(bot),
        },
        botIds,
      ),

    hostRunEnded: async (id, outcome) => messages.hostRunEnded(id, outcome),
    killBot: (botId) => Promise.resolve(supervisor.kill(botId)),
  }

  /** Stops in order: the intake, the messages in flight, the workers that send their replies, the store. */
  async function stop(graceMs: number): Promise<void> {
    const stopAt = clock.now() + graceMs
    healthCheck.close()
    sync?.close()
    reconciler.close()
    // A bot that hangs must not use up the time of the messages in flight. That this instance drains is stored before
    // anything of it is cut short.
    await Promise.all([supervisor.drain(graceMs / 2), storeSession.drain()])
    await messages.stop(Math.max(0, stopAt - clock.now()))
    await supervisor.stop(BOTS_STOP_MS)
    await states.flush()
    await storeSession.close()
    metrics.close()
  }
}
