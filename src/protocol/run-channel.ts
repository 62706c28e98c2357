import type { LogLevel } from '../core/log/logger.ts'
import type { InboundMessage } from './model/inbound-message.ts'
import type { StreamFrame } from './chat.ts'
import type { Result } from './model/result.ts'

/**
 * The run channel: a MessagePort to the supervisor thread. A pool thread uses one channel for all its runs, one after
 * the other. Each run on the host's thread has its own. The supervisor closes it when a run is not awaited any more.
 */
export type RunCall =
  | {
      readonly kind: 'log'
      readonly level: LogLevel
      readonly message: string
      readonly fields: Readonly<Record<string, unknown>>
    }
  /** The present content of a streamed answer. */
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
