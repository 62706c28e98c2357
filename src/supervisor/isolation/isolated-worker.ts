import type { MessagePort } from 'node:worker_threads'
import type { ObservedExit } from '../../core/lifecycle/exit-reason.ts'
import type { Pulse } from '../../core/lifecycle/heartbeat.ts'
import type { BotIdentity } from '../../protocol/boot.ts'
import type { BotSignal } from '../../protocol/signal.ts'

/** A live bot worker in a thread of this process or in its own process. Both have the same ports. */
export interface IsolatedWorker {
  /** Speaks protocol/control. */
  readonly controlPort: MessagePort
  /** Carries protocol/data. */
  readonly dataPort: MessagePort
  /** Reads signs of life and load of the worker. Never waits for the worker. */
  pulse(): Pulse
  /** Ends the worker. The end is reported through `exited`, like every end. */
  terminate(): void
}

export interface IsolatedWorkerEvents {
  signal(signal: BotSignal): void
  /** Called exactly once, as the last event of this worker. Both ports are closed then. */
  exited(exit: ObservedExit): void
  printed(text: string): void
}

/** Starts a bot worker. Throws when the system cannot start another thread or process. */
export type StartWorker = (bot: BotIdentity, incarnation: number, events: IsolatedWorkerEvents) => IsolatedWorker
