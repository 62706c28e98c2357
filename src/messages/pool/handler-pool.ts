import type { ChatOutcome, EventTask } from '../../protocol/chat.ts'
import type { TakeCall } from './run-channel-server.ts'

/** What the dispatcher needs of an executor. */
export interface HandlerPool {
  /** Most runs at a time. Runs that were given up but go on take room from it. */
  readonly capacity: number
  /** True when it takes no run. Whoever asks `capacity` before meets this only after a bot has got another handler. */
  readonly isFull: boolean
  /**
   * Never rejects, settles once. `take` gets what the run calls, until it ends. The limit counts from when the
   * handler begins, and anew when the run is begun again because its thread ended through another run's fault.
   */
  run(task: EventTask, timeoutMs: number, take: TakeCall): Promise<ChatOutcome>
  close(graceMs: number): Promise<void>
}
