import type { MessagePort } from 'node:worker_threads'
import type { ObservedExit } from '../../core/lifecycle/exit-reason.ts'
import type { Pulse } from '../../core/lifecycle/heartbeat.ts'
import type { BotIdentity } from '../../protocol/boot.ts'
import type { BotSignal } from '../../protocol/signal.ts'

/** What carries a live bot worker: a thread of this process, or a process of its own. Its wires are ports either way. */
export interface IsolatedWorker {
  /** Speaks protocol/control. */
  readonly controlPort: MessagePort
  /** Carries protocol/data. */
  readonly dataPort: MessagePort
  /** A look at whether it still runs; does not need its help. */
  pulse(): Pulse
  /** Its end is reported through `exited`, as every end. */
  terminate(): void
}

export interface IsolatedWorkerEvents {
  signal(signal: BotSignal): void
  /** Called exactly once; after it nothing of this worker arrives any more, and both ports are closed. */
  exited(exit: ObservedExit): void
  printed(text: string): void
}

/** Throws when the system has no thread or process left. */
export type StartWorker = (bot: BotIdentity, incarnation: number, events: IsolatedWorkerEvents) => IsolatedWorker
