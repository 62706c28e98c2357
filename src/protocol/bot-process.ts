import type { Pulse } from '../core/lifecycle/heartbeat.ts'
import type { BotIdentity, WorkerLimits } from './boot.ts'
import type { BotSignal } from './signal.ts'

/**
 * The wires of a bot worker that has a process of its own, all carried by that process's IPC channel. The
 * process holds the worker in a thread, so that it can watch it and leave whatever the worker does.
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
  /** A look at the worker, at every heartbeat. */
  | { readonly wire: 'pulse'; readonly pulse: Pulse }
  /** The worker is gone, and the process with it; what was thrown crosses as its text, code and frames. */
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
