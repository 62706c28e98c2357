import type { ChatOutcome, EventTask } from '../../protocol/chat.ts'
import type { TakeCall } from './run-channel-server.ts'

/** What the dispatcher needs of an executor. */
export interface HandlerPool {
  /** Runs at a time. */
  readonly threads: number
  /** Runs under way. */
  readonly busy: number
  /** Never rejects. `take` gets what the run calls, until it ends. */
  run(task: EventTask, timeoutMs: number, take: TakeCall): Promise<ChatOutcome>
  close(graceMs: number): Promise<void>
}
