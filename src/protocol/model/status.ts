import type { LastExit } from '../../core/lifecycle/child-state.ts'
import type { ChildStatus } from '../../core/lifecycle/child-status.ts'
import type { ErrorRecord } from '../../core/errors.ts'
import type { BotLimits, BotPolicy, Isolation } from './bot-settings.ts'

export type ConnectionStateName = 'idle' | 'connecting' | 'connected' | 'reconnecting' | 'failed'

/** Kind of a connection problem. It decides how long the bot waits before the next attempt. */
export type ConnectionTroubleKind = 'network' | 'server' | 'limit' | 'credentials'

export interface ConnectionTrouble {
  readonly kind: ConnectionTroubleKind
  /** Code of Feishu, HTTP or the system as text, e.g. `514`, `1000040350`, `ECONNREFUSED`. */
  readonly code: string
  /** What happened and what to do, for an operator. */
  readonly message: string
}

/** Connection of one bot to Feishu's gateway, reported by its worker. Instants are milliseconds since the epoch. */
export interface ConnectionStatus {
  readonly state: ConnectionStateName
  readonly since: number
  /** Number of failed attempts since the last good connection. */
  readonly attempt: number
  readonly connectedAt?: number
  readonly lastPongAt?: number
  readonly lastEventAt?: number
  readonly trouble?: ConnectionTrouble
  /** When the next attempt starts. */
  readonly nextAt?: number
  /** Frames and fragmented events that this worker could not read and did not acknowledge, counted by reason. */
  readonly droppedFrames?: Readonly<Record<string, number>>
  /** Number of other connections of this app, counted by Feishu twice in a row. Another client gets part of the events. */
  readonly foreignConnections?: number
}

/** Status without a worker, or before the first order to connect. */
export function idleConnection(since: number): ConnectionStatus {
  return { state: 'idle', since, attempt: 0 }
}

/** A worker sent or printed so much that it would disturb the others. */
export interface Flood {
  /** When the flood was last noticed, milliseconds since the epoch. */
  readonly at: number
  readonly cause: string
  /** True: the worker was ended. False: the excess is dropped. */
  readonly isFatal: boolean
}

export interface BotStatus {
  readonly botId: string
  readonly name: string
  readonly child: ChildStatus
  readonly connection: ConnectionStatus
  /** Heap and Buffers of the worker at the last observation, megabytes. */
  readonly memoryMb?: number
  /** Share of the time between the last two observations that its event loop did not wait, 0 to 1. */
  readonly utilization?: number
  /** The last flood. */
  readonly flood?: Flood
}

/** A bot whose handler sits in native code. */
export interface StuckBot {
  readonly botId: string
  /** Threads that it holds. */
  readonly threads: number
  /** It holds as many as it may: it gets no further one until one of them ends, and its messages fail. */
  readonly isUsedUp: boolean
}

/** The threads that run handlers. */
export interface PoolStats {
  /** Those that runs share and that take new ones. Threads beside them, for what has one to itself, are not counted. */
  readonly threads: number
  /** Runs under way. */
  readonly busy: number
  /** Claimed events that wait for room: in the pool, for a thread, or on the host. All other events wait in the inbox. */
  readonly queued: number
  /** Threads that were given up but do not end, because they run native code. They are replaced. */
  readonly stuck: number
  /** The bots whose code sits in them; absent: none is known. */
  readonly stuckBots?: readonly StuckBot[]
  /** Threads that end with their last run, because they have served their time; absent: none. */
  readonly renewing?: number
  /** Handlers on the host's thread that did not end in time and still run; absent: none. */
  readonly overdueOnHost?: number
  /** Child processes of handlers, those among them that wait for their next run; absent: none. */
  readonly processes?: number
}

/** A bot without its secrets. */
export interface BotRecord {
  readonly id: string
  readonly name: string
  readonly appId: string
  readonly domain: string
  readonly owner: string
  readonly enabled: boolean
  /** Long connection (true) or webhook mode (false). */
  readonly useWebSocket: boolean
  /** Name of the handler that answers for the bot. */
  readonly handler: string
  /** Overrides of the options for this bot. */
  readonly limits: BotLimits
  readonly policy: BotPolicy
  /** The bot's open id. Null until it is known. */
  readonly openId: string | null
  /** Where the worker runs: in a thread, or isolated in its own process. */
  readonly isolation: Isolation
  /** The bot has an Encrypt Key and a Verification Token, so it accepts webhooks too. */
  readonly hasWebhookKeys: boolean
  /** Milliseconds since the epoch. */
  readonly createdAt: number
}

/** A bot: its record, and the status of its worker and connection. */
export interface BotReport extends BotStatus {
  readonly bot: BotRecord
  /** The bot should have a long connection, and this instance has room for it. */
  readonly connects: boolean
  /** Why the bot cannot receive events, and what to do. */
  readonly obstacle?: string
}

/** Report of the supervisor thread. */
export interface SupervisorReport {
  readonly bots: readonly BotReport[]
  readonly pool: PoolStats
  readonly inbox: {
    /** Number of events not answered yet. */
    readonly depth: number
    readonly oldestAgeMs: number
    /** Number of dead letters. */
    readonly dead: number
  }
  readonly store: { readonly kind: 'pglite' | 'postgres'; readonly ready: boolean; readonly error?: ErrorRecord }
  /** Present if the host keeps its bots itself. `ready`: all bots could be read. */
  readonly botSource?: { readonly ready: boolean; readonly error?: ErrorRecord }
}

/** Status of the handle: the state of the supervisor thread and its last report, also while the thread is down. */
export interface SupervisorStatus extends SupervisorReport {
  readonly state: ChildStatus['state']
  /** When the handle was started, milliseconds since the epoch. */
  readonly startedAt?: number
  /** Number of supervisor threads that this handle has started. */
  readonly incarnation: number
  readonly restarts: number
  readonly lastExit?: LastExit
}

/**
 * Connections of other clients with the bot's app. Feishu counts those of our own workers that were given up too, as
 * long as their threads do not end.
 */
export function foreignConnections({ child, connection }: Pick<BotStatus, 'child' | 'connection'>): number {
  return Math.max(0, (connection.foreignConnections ?? 0) - (child.stuck?.count ?? 0))
}

/** The four words of the status API and of the column `ws_connection_state`. */
export type ConnectionWord = 'disconnected' | 'connecting' | 'connected' | 'error'

/** Maps the two lifecycles to the four words; no other code does. `fastAttempts` failures in a row count as an error. */
export function connectionWord({ child, connection, connects }: BotReport, fastAttempts: number): ConnectionWord {
  if (child.state === 'failed' || child.hungSince !== undefined) return 'error'
  if (child.state === 'stopped' || child.state === 'stopping') return 'disconnected'
  if (connection.state === 'connected') return 'connected'
  if (!connects) return 'disconnected'
  if (connection.state === 'failed' || connection.trouble?.kind === 'limit') return 'error'
  if (connection.attempt >= fastAttempts) return 'error'
  return 'connecting'
}
