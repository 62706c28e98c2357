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

export interface BotSpec extends IsolatedBot {
  readonly name: string
}

export interface BotThreadEvents extends IsolatedWorkerEvents {
  /** Reports that the worker breaks the protocol and has to be ended. */
  misbehaved(cause: string): void
}

export type SpawnBot = (bot: IsolatedBot, incarnation: number, events: BotThreadEvents) => BotThread

/** Most answers to control calls within a second. A sound worker sends a few in an hour. */
const MOST_ANSWERS = 1_000

/** Spawns each bot with its own `isolation`. */
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
      if (answers.take(1) === 'exceeded')
        events.misbehaved(`the worker sends more than ${MOST_ANSWERS} control answers a second`)
    })
    const control = new ControlClient<BotControl>(controlPort, clock)
    return { ...worker, control }
  }
}
