import type { ChatOutcome, EventTask } from '../../protocol/chat.ts'
import type { TakeCall } from './run-channel-server.ts'

/** What the dispatcher needs of an executor. */
export interface HandlerPool {
  /** Runs at a time now. */
  readonly capacity: number
  /** The same as `capacity`. */
  readonly threads: number
  /** Runs under way. */
  readonly busy: number
  /**
   * Never rejects, settles once. `take` gets what the run calls, until it ends. The limit counts from when the
   * handler begins, and anew when the run is begun again because its thread ended through another run's fault.
   */
  run(task: EventTask, timeoutMs: number, take: TakeCall): Promise<ChatOutcome>
  close(graceMs: number): Promise<void>
}
