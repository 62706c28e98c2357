import type { LogLevel } from '../core/log/logger.ts'
import type { InboundMessage } from './model/inbound-message.ts'
import type { StreamFrame } from './chat.ts'
import type { Result } from './model/result.ts'

/**
 * The run channel: a MessagePort between a pool thread and the supervisor thread, used by one run after the other,
 * or for one run of the host's thread. The supervisor's end closes it when nobody waits for a run any more.
 */
export type RunCall =
  | {
      readonly kind: 'log'
      readonly level: LogLevel
      readonly message: string
      readonly fields: Readonly<Record<string, unknown>>
    }
  /** What a streamed answer is now. */
  | { readonly kind: 'stream'; readonly frame: StreamFrame }
  | { readonly kind: 'history'; readonly id: number; readonly limit: number }

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
