import type { Pulse } from '../core/lifecycle/heartbeat.ts'
import type { BotIdentity, WorkerLimits } from './boot.ts'
import type { BotSignal } from './signal.ts'

/**
 * Frames of a bot worker with its own process, all over the IPC channel of that process. The process runs the worker in
 * a thread, so that it can watch the worker and can exit even if the worker hangs.
 */
export type ToBotProcess =
  | {
      readonly wire: 'boot'
      readonly bot: BotIdentity
      readonly incarnation: number
      /** The built file of the worker. */
      readonly entry: string
      readonly limits: WorkerLimits
    }
  | PortFrame

export type FromBotProcess =
  | PortFrame
  | { readonly wire: 'signal'; readonly signal: BotSignal }
  | { readonly wire: 'printed'; readonly text: string }
  /** An observation of the worker, at every heartbeat. */
  | { readonly wire: 'pulse'; readonly pulse: Pulse }
  /** The worker ended, and the process ends too. `thrown` carries the text, code and frames of the thrown value. */
  | {
      readonly wire: 'exited'
      readonly exitCode: number
      readonly thrown?: { readonly message: string; readonly code?: string; readonly stack?: string | undefined }
    }

/** A frame of protocol/control or protocol/data. */
export interface PortFrame {
  readonly wire: 'control' | 'data'
  readonly frame: unknown
}
