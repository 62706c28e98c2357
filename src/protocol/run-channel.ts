import type { LogLevel } from '../core/log/logger.ts'
import type { InboundMessage } from './model/inbound-message.ts'
import type { StreamFrame } from './chat.ts'
import type { Result } from './model/result.ts'

/**
 * The run channel: a MessagePort between a pool thread and the supervisor thread, shared by all runs of the thread,
 * or for one run of the host's thread. The supervisor's end closes it when nobody waits for a run any more.
 *
 * Both ends post lists of frames, each with the number of its run. Frames of a run that has ended change nothing.
 */
export type RunCall =
  | {
      readonly kind: 'log'
      readonly level: LogLevel
      readonly message: string
      readonly fields: Readonly<Record<string, unknown>>
    }
  /** What a streamed answer is now. The next one of the same stream waits until this one has been used. */
  | { readonly kind: 'stream'; readonly frame: StreamFrame }
  | { readonly kind: 'history'; readonly id: number; readonly limit: number }

/** Up: from the thread where the runs are. */
export type RunFrame =
  | { readonly run: number; readonly call: RunCall }
  /** Something was thrown outside the handler's promise, or the process was to exit. */
  | { readonly run: number; readonly fault: RunFault }

/** `run` is 0 where nobody is named. */
export interface RunFault {
  readonly message: string
  /** The run had ended before; otherwise it fails by this. */
  readonly isLate: boolean
}

/** Down: to the thread where the runs are. */
export type RunReturn =
  | { readonly run: number; readonly answer: RunAnswer }
  /** The last frame of this stream has been used. */
  | { readonly run: number; readonly usedStream: number }

/** Answers `history`. */
export interface RunAnswer {
  readonly id: number
  readonly result: Result<readonly PastMessage[]>
}

/** A message of a chat before it is rendered. */
export interface PastMessage {
  /** This bot sent it. */
  readonly isOwn: boolean
  readonly message: InboundMessage
}
