import type { Clock } from '../core/clock.ts'
import { FeishuSupervisorError } from '../core/errors.ts'
import type { BotIdentity, Isolation } from '../protocol/boot.ts'
import type { BotControl } from '../protocol/control.ts'
import { ControlClient } from '../protocol/control-client.ts'
import type { Carrier, CarrierEvents, StartCarrier } from './carrier.ts'

/** A live bot worker. */
export interface BotThread extends Omit<Carrier, 'controlPort'> {
  readonly control: ControlClient<BotControl>
}

export interface IsolatedBot extends BotIdentity {
  readonly isolation: Isolation
}

export type SpawnBot = (bot: IsolatedBot, incarnation: number, events: CarrierEvents) => BotThread

/** Spawns each bot in the carrier it asks for. */
export function botSpawner(carriers: Readonly<Record<Isolation, StartCarrier>>, clock: Clock): SpawnBot {
  return ({ isolation, ...bot }, incarnation, events) => {
    const { controlPort, ...carrier } = carriers[isolation](bot, incarnation, {
      ...events,
      exited: (exit) => {
        control.lost(new FeishuSupervisorError('WORKER_UNREACHABLE', `the worker of bot ${bot.botId} ended`))
        events.exited(exit)
      },
    })
    const control = new ControlClient<BotControl>(controlPort, clock)
    return { ...carrier, control }
  }
}
