import type { Clock } from '../core/time/clock.ts'
import { FeishuSupervisorError } from '../core/errors.ts'
import { RateGuard } from '../core/time/rate-guard.ts'
import type { BotIdentity } from '../protocol/boot.ts'
import type { Isolation } from '../protocol/model/bot-settings.ts'
import type { BotControl } from '../protocol/control.ts'
import { ControlClient } from '../protocol/control-channel.ts'
import type { IsolatedWorker, IsolatedWorkerEvents, StartWorker } from './isolation/isolated-worker.ts'

/** A live bot worker. */
export interface BotThread extends Omit<IsolatedWorker, 'controlPort'> {
  readonly control: ControlClient<BotControl>
}

export interface IsolatedBot extends BotIdentity {
  readonly isolation: Isolation
}

export interface BotThreadEvents extends IsolatedWorkerEvents {
  /** It does what none of our workers does: it has to be ended. */
  misbehaved(cause: string): void
}

export type SpawnBot = (bot: IsolatedBot, incarnation: number, events: BotThreadEvents) => BotThread

/** Answers to control calls within a second; there are a few in an hour. */
const MOST_ANSWERS = 1_000

/** Spawns each bot with the isolation that it is set to. */
export function botSpawner(isolations: Readonly<Record<Isolation, StartWorker>>, clock: Clock): SpawnBot {
  return ({ isolation, ...bot }, incarnation, events) => {
    const { controlPort, ...worker } = isolations[isolation](bot, incarnation, {
      ...events,
      exited: (exit) => {
        control.lost(new FeishuSupervisorError('WORKER_UNREACHABLE', `the worker of bot ${bot.botId} ended`))
        events.exited(exit)
      },
    })
    const answers = new RateGuard(MOST_ANSWERS, clock)
    controlPort.on('message', () => {
      if (answers.take(1) === 'exceeded') events.misbehaved('its worker answers without end')
    })
    const control = new ControlClient<BotControl>(controlPort, clock)
    return { ...worker, control }
  }
}
