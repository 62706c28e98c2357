import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import type { Clock } from '../core/clock.ts'
import { FeishuSupervisorError } from '../core/errors.ts'
import { newHeartbeat, type Pulse, pulseOf } from '../core/heartbeat.ts'
import { hardLimits } from '../core/memory-watch.ts'
import type { BotBoot } from '../protocol/boot.ts'
import type { BotControl } from '../protocol/control.ts'
import { ControlClient } from '../protocol/control-client.ts'
import type { SupervisionOptions } from '../protocol/host.ts'
import type { BotSignal } from '../protocol/signal.ts'
import type { ObservedExit } from '../core/exit-reason.ts'

/** What a bot worker needs to know, less what belongs to one incarnation. */
export type BotIdentity = Omit<BotBoot, 'incarnation' | 'controlPort' | 'dataPort' | 'heartbeat' | 'memoryMb'>

/** A live bot worker. */
export interface BotThread {
  readonly control: ControlClient<BotControl>
  readonly dataPort: MessagePort
  /** A look at whether it still runs; does not need its help. */
  pulse(): Pulse
  /** Its end is reported through `exited`, as every end. */
  terminate(): void
}

export interface BotThreadEvents {
  signal(signal: BotSignal): void
  /** Called exactly once; after it nothing of this thread arrives any more. */
  exited(exit: ObservedExit): void
  printed(text: string): void
}

export type SpawnBot = (bot: BotIdentity, incarnation: number, events: BotThreadEvents) => BotThread

/** The only `new Worker` for bots. `entry` is the built file of workers/bot. */
export function botSpawner(entry: string, { heartbeatMs, memoryMb }: SupervisionOptions, clock: Clock): SpawnBot {
  return (bot, incarnation, events) => {
    const control = new MessageChannel()
    const data = new MessageChannel()
    const heartbeat = newHeartbeat(heartbeatMs)
    const boot: BotBoot = {
      ...bot,
      incarnation,
      heartbeat,
      memoryMb,
      controlPort: control.port2,
      dataPort: data.port2,
    }
    const worker = new Worker(entry, {
      name: `bot ${bot.botId}`,
      workerData: boot,
      transferList: [control.port2, data.port2],
      // The host's flags and environment (its secrets) are not the bot's.
      execArgv: [],
      env: {},
      stdout: true,
      stderr: true,
      resourceLimits: hardLimits({ memoryMb }),
    })
    const client = new ControlClient<BotControl>(control.port1, clock)
    let thrown: { value: unknown } | undefined

    worker.on('message', (signal: BotSignal) => events.signal(signal))
    worker.on('error', (value: unknown) => {
      thrown = { value }
    })
    // A frame that cannot be read means that the two sides no longer speak the same protocol.
    worker.on('messageerror', () => void worker.terminate())
    worker.once('exit', (exitCode) => {
      client.lost(new FeishuSupervisorError('WORKER_UNREACHABLE', `the worker of bot ${bot.botId} ended`))
      control.port1.close()
      data.port1.close()
      events.exited({ exitCode, ...(thrown === undefined ? {} : { thrown }) })
    })
    // Unread output would keep a worker from exiting.
    for (const stream of [worker.stdout, worker.stderr]) {
      stream.on('data', (chunk: Buffer) => events.printed(chunk.toString('utf8').trimEnd()))
    }
    return {
      control: client,
      dataPort: data.port1,
      pulse: pulseOf(worker, heartbeat),
      terminate: () => void worker.terminate(),
    }
  }
}
