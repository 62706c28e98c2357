import type { ErrorRecord } from '../../core/errors.ts'
import type { ExitReason } from '../../core/lifecycle/exit-reason.ts'
import type { LogRecord } from '../../core/log/logger.ts'
import type { BotReport } from './status.ts'

/**
 * The stages of one message, in order. `retry` may repeat. All durations in milliseconds.
 * `persistMs`: from arrival to commit. `waitMs`: from commit to the first claim, absent at later claims.
 * `handleMs`: from claim to completion. `sendMs`: from completion until the reply was sent. `totalMs`: from arrival
 * until the reply was sent, absent if an operator resubmitted the event.
 */
export type MessageEvent = { readonly botId: string; readonly eventId: number } & (
  | { readonly stage: 'received'; readonly type: string; readonly duplicate: boolean; readonly persistMs?: number }
  | {
      readonly stage: 'handled'
      readonly attempt: number
      readonly replyCount: number
      readonly reason?: string
      readonly waitMs?: number
      readonly handleMs: number
    }
  | { readonly stage: 'retry'; readonly attempt: number; readonly afterMs: number; readonly error: ErrorRecord }
  | { readonly stage: 'replied'; readonly messageId: string; readonly sendMs: number; readonly totalMs?: number }
  | { readonly stage: 'dead'; readonly reason: string; readonly error: ErrorRecord }
)

/** A bot's worker ended and restarts. */
export interface RestartEvent {
  readonly botId: string
  readonly name: string
  /** Incarnation of the worker that ended. */
  readonly incarnation: number
  readonly restartCount: number
  readonly restartsInWindow: number
  readonly reason: ExitReason
  readonly error?: ErrorRecord
  /** When the worker restarts, milliseconds since the epoch. */
  readonly nextAt?: number
}

/**
 * `worker_failed`: a worker crashed too often and waits for an operator. `connection_failing`: `fastAttempts`
 * attempts failed. `credentials_rejected`, `connection_limit`: Feishu reports it. `foreign_client`: another client
 * receives part of the bot's events. `store_unavailable`: the database cannot be used; events are refused meanwhile and
 * redelivered. `bot_source_failing`: some or all bots that the host keeps itself cannot be read; running bots go on.
 * `supervisor_down`: the supervisor thread ended and restarts. `worker_flooding`: a worker sent or printed so much that
 * it would disturb the others; it was ended, or the excess is dropped. `frames_dropped`: very many frames of a bot could
 * not be read. `worker_stuck`: workers of a bot sit in native code and cannot be ended; they were given up.
 * `handler_stuck`: handlers sit in native code and keep threads of the chat pool, which are replaced; or all runs that the
 * host's thread may have do not end. `handler_crowded`: runs of a handler together used up a thread's memory; a thread gets fewer of them for an hour. `memory_high`, `inbox_ageing`, `dead_letters`: a limit of `health` is exceeded.
 */
export type AlertKind =
  | 'worker_failed'
  | 'connection_failing'
  | 'credentials_rejected'
  | 'connection_limit'
  | 'foreign_client'
  | 'store_unavailable'
  | 'bot_source_failing'
  | 'supervisor_down'
  | 'worker_flooding'
  | 'frames_dropped'
  | 'worker_stuck'
  | 'handler_stuck'
  | 'handler_crowded'
  | 'memory_high'
  | 'inbox_ageing'
  | 'dead_letters'

/**
 * A problem that a person should know of. Emitted once when it begins, and once when it ends or becomes another. `worker_stuck`
 * and `handler_stuck` are raised again when it got worse.
 */
export interface Alert {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly kind: AlertKind
  readonly state: 'raised' | 'cleared'
  /** Absent for an alert of the whole instance. */
  readonly botId?: string
  readonly name?: string
  readonly cause: string
  /** Number of failed attempts or restarts. */
  readonly attempt?: number
  readonly nextStep: string
  /** When the next automatic attempt starts, milliseconds since the epoch. */
  readonly nextAt?: number
}

/** All events of the handle. Logs, notifications and the demo are built on them. */
export interface EventMap {
  /** A bot's worker or connection changed its state. */
  readonly bot: BotReport
  /** A bot was removed. No event of this bot follows. */
  readonly removed: { readonly botId: string }
  readonly restart: RestartEvent
  readonly alert: Alert
  readonly message: MessageEvent
  /** The database became reachable or unreachable. */
  readonly store: { readonly ready: boolean; readonly error?: ErrorRecord }
  readonly log: LogRecord
}

/** One event of `EventMap` with its name, for crossing threads. */
export type NamedEvent = {
  readonly [K in keyof EventMap]: { readonly kind: K; readonly event: EventMap[K] }
}[keyof EventMap]
