import type { ErrorRecord } from '../core/errors.ts'
import type { LogRecord } from '../core/logger.ts'
import type { BotStatus } from './status.ts'

/** What happens to one message on its way, in order; `retry` may repeat. */
export type MessageEvent = { readonly botId: string; readonly eventId: number } & (
  | { readonly stage: 'received'; readonly type: string; readonly duplicate: boolean }
  | { readonly stage: 'handled'; readonly attempt: number; readonly replyCount: number }
  | { readonly stage: 'retry'; readonly attempt: number; readonly afterMs: number; readonly error: ErrorRecord }
  | { readonly stage: 'replied'; readonly messageId: string }
  | { readonly stage: 'dead'; readonly reason: string; readonly error: ErrorRecord }
)

/** Everything that is reported while it happens; logs and the demo hang on it. */
export interface EventMap {
  /** A bot's worker or connection changed its state. */
  readonly bot: BotStatus
  readonly message: MessageEvent
  /** The database became reachable or unreachable. */
  readonly store: { readonly ready: boolean; readonly error?: ErrorRecord }
  readonly log: LogRecord
}

/** One entry of the catalogue with its name, as it crosses threads. */
export type NamedEvent = {
  readonly [K in keyof EventMap]: { readonly kind: K; readonly event: EventMap[K] }
}[keyof EventMap]
