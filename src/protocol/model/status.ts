import type { ChildStatus, LastExit } from '../../core/lifecycle/child-lifecycle.ts'
import type { ErrorRecord } from '../../core/errors.ts'
import type { BotLimits, BotPolicy, Isolation } from './bot-settings.ts'

export type ConnectionStateName = 'idle' | 'connecting' | 'connected' | 'reconnecting' | 'failed'

/** Who can end a connection trouble; decides how long the bot waits before it tries again. */
export type ConnectionTroubleKind = 'network' | 'server' | 'limit' | 'credentials'

export interface ConnectionTrouble {
  readonly kind: ConnectionTroubleKind
  /** Feishu's or HTTP's own code as text, e.g. `514`, `1000040350`, `ECONNREFUSED`. */
  readonly code: string
  /** What happened and what to do, for an operator. */
  readonly message: string
}

/** The connection of one bot to Feishu's gateway, as its worker reports it. */
export interface ConnectionStatus {
  readonly state: ConnectionStateName
  readonly since: number
  /** Failed attempts since the last good connection. */
  readonly attempt: number
  readonly connectedAt?: number
  readonly lastPongAt?: number
  readonly lastEventAt?: number
  readonly trouble?: ConnectionTrouble
  /** When the next attempt starts. */
  readonly nextAt?: number
  /** Frames and events in fragments that this worker could not read and did not acknowledge, counted by reason. */
  readonly droppedFrames?: Readonly<Record<string, number>>
  /** Connections of this app that Feishu counts beside ours, twice in a row: another client gets part of the events. */
  readonly foreignConnections?: number
}

/** Of a worker that is not there, or has not been told to connect. */
export function idleConnection(since: number): ConnectionStatus {
  return { state: 'idle', since, attempt: 0 }
}

/** A worker told or printed more than is good for the others. */
export interface Flood {
  /** When it was last seen, milliseconds since the epoch. */
  readonly at: number
  readonly cause: string
  /** It was ended for it; otherwise what is too much is dropped. */
  readonly isFatal: boolean
}

export interface BotStatus {
  readonly botId: string
  readonly name: string
  readonly child: ChildStatus
  readonly connection: ConnectionStatus
  /** Heap and Buffers of its worker when it was last looked at, megabytes. */
  readonly memoryMb?: number
  /** Share of the time between the last two looks that its event loop was not waiting, 0 to 1. */
  readonly utilization?: number
  /** The last one. */
  readonly flood?: Flood
}

/** The threads that run handlers. */
export interface PoolStats {
  readonly threads: number
  /** Runs under way. */
  readonly busy: number
  /** Runs among them that wait for a thread of their own; all other events wait in the inbox. */
  readonly queued: number
  /** Threads that were given up but do not end, because they sit in native code. */
  readonly stuck: number
  /** Threads that end with their last run, because they have served their time; absent: none. */
  readonly renewing?: number
}

/** A bot as it may be shown: everything but its secrets. */
export interface BotRecord {
  readonly id: string
  readonly name: string
  readonly appId: string
  readonly domain: string
  readonly owner: string
  readonly enabled: boolean
  /** Long connection (true) or webhook mode (false). */
  readonly useWebSocket: boolean
  /** Name of the handler that answers for it. */
  readonly handler: string
  /** What of the options is different for it. */
  readonly limits: BotLimits
  readonly policy: BotPolicy
  /** Its own open id; null until it has learnt it. */
  readonly openId: string | null
  /** Where its worker runs: in a thread, or walled off in a process of its own. */
  readonly isolation: Isolation
  /** It has an Encrypt Key and a Verification Token, so it takes webhooks too. */
  readonly hasWebhookKeys: boolean
  /** Milliseconds since the epoch. */
  readonly createdAt: number
}

/** A bot with what was ordered of it and what has become of that. */
export interface BotReport extends BotStatus {
  readonly bot: BotRecord
  /** A long connection is wanted, and this instance has room for it. */
  readonly connects: boolean
  /** What keeps the bot from taking events, and what to do. */
  readonly obstacle?: string
}

/** What the supervisor thread reports about itself. */
export interface SupervisorReport {
  readonly bots: readonly BotReport[]
  readonly pool: PoolStats
  readonly inbox: {
    /** Events not answered yet. */
    readonly depth: number
    readonly oldestAgeMs: number
    /** Dead letters. */
    readonly dead: number
  }
  readonly store: { readonly kind: 'pglite' | 'postgres'; readonly ready: boolean; readonly error?: ErrorRecord }
  /** Of a host that keeps its bots itself: whether they could be read, all of them. */
  readonly botSource?: { readonly ready: boolean; readonly error?: ErrorRecord }
}

/** The handle's view: the state of the supervisor thread, and its last report even while it is down. */
export interface SupervisorStatus extends SupervisorReport {
  readonly state: ChildStatus['state']
  /** When the handle was started, milliseconds since the epoch. */
  readonly startedAt?: number
  /** Counts the supervisor threads this handle has started. */
  readonly incarnation: number
  readonly restarts: number
  readonly lastExit?: LastExit
}
