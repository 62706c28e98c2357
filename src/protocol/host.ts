import type { MessagePort } from 'node:worker_threads'
import type { ErrorRecord } from '../core/errors.ts'
import type { BackoffPolicy } from '../core/backoff.ts'
import type { HangLimits } from '../core/hang-watch.ts'
import type { MemoryBudget } from '../core/memory-watch.ts'
import type { Heartbeat } from '../core/heartbeat.ts'
import type { RestartPolicy } from '../core/restart-policy.ts'
import type { ConnectionOptions, Isolation } from './boot.ts'
import type { HandlerRef } from './chat.ts'
import type { NamedEvent } from './events.ts'
import type { DeadLetter, DeadLetterId, DeadLetterPage } from './message.ts'
import type { SupervisorReport } from './status.ts'

/** Built files and folders the supervisor thread needs; only the host knows where the package is. */
export interface PackagePaths {
  readonly botWorker: string
  readonly botProcess: string
  readonly chatWorker: string
  readonly pgliteWorker: string
  readonly supervisorWorker: string
  readonly migrations: string
}

/** The part of message handling that users set; durations in milliseconds. */
export interface HandlingOptions {
  readonly threads: number
  readonly threadMemoryMb: number
  readonly threadMaxTasks: number
  readonly handlerTimeoutMs: number
  readonly maxAttempts: number
  readonly backoff: BackoffPolicy
  readonly maxReplyAttempts: number
  readonly replyBackoff: BackoffPolicy
  readonly repliesPerChatPerSecond: number
  readonly repliesPerBotPerSecond: number
  readonly maxAgeMs: number
  readonly inboundPerSecond: number
  readonly inboundBurst: number
  readonly retentionMs: number
  readonly cardPendingText: string
  readonly leaseMs: number
}

/** How bot workers and the supervisor thread are watched and restarted. */
export interface SupervisionOptions extends RestartPolicy, HangLimits, MemoryBudget {}

/** The public options with every default filled in and every path absolute; see src/options.ts for their meaning. */
export interface ResolvedOptions {
  readonly databaseUrl?: string | undefined
  readonly dataDir: string
  readonly masterKey?: string | undefined
  readonly handler: HandlerRef
  readonly maxConnections: number
  readonly shutdownGraceMs: number
  readonly supervision: SupervisionOptions
  readonly connection: ConnectionOptions
  readonly messages: HandlingOptions
}

/** Where alerts are posted to; stays on the host's thread. */
export interface AlertOptions {
  readonly url: string
  /** `whsec_` and the key in base64, as Standard Webhooks has it. */
  readonly secret: string
}

/** workerData of the supervisor thread. */
export interface SupervisorBoot {
  readonly options: ResolvedOptions
  readonly paths: PackagePaths
  /** Owner of this thread's claims. */
  readonly instanceId: string
  /** The thread of this handle that is gone; its claims are free at once instead of after their lease. */
  readonly supersedes?: string
  readonly controlPort: MessagePort
  readonly heartbeat: Heartbeat
  /** False for administration: the store is opened, but no bot and no pool is started. */
  readonly startsBots: boolean
}

/** A bot to add; checked by the host, see src/app/new-bot.ts. */
export interface BotInput {
  readonly name: string
  readonly appId: string
  readonly appSecret: string
  readonly domain: string
  readonly useWebSocket: boolean
  readonly isolation: Isolation
}

/** What can be changed of a bot while it runs; at least one of them. */
export interface BotChangeInput {
  readonly name?: string | undefined
  readonly appSecret?: string | undefined
}

/** A bot as it may be shown: everything but its secret. */
export interface BotRecord extends Omit<BotInput, 'appSecret'> {
  readonly id: string
  readonly enabled: boolean
}

/** comlink keeps only the text of an error, so results that may fail are values. */
export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: ErrorRecord }

/** The host wire: the handle calls, the supervisor thread answers. Plain data; every call has a deadline. */
export interface HostControl {
  /** Settles when the bots are started or, with the database away, when it is clear that the rest is right. */
  start(): Promise<Result<undefined>>
  /** Drains for at most `graceMs`, ends every worker, closes the store. */
  stop(graceMs: number): Promise<void>
  report(): Promise<SupervisorReport>
  /** Stores the bot and starts it, if bots are started. */
  addBot(bot: BotInput): Promise<Result<BotRecord>>
  listBots(): Promise<Result<readonly BotRecord[]>>
  /** Stores the change and hands a new secret to the bot's worker; null when there is no such bot. */
  updateBot(botId: string, change: BotChangeInput): Promise<Result<BotRecord | null>>
  deadLetters(page: DeadLetterPage): Promise<Result<readonly DeadLetter[]>>
  /** False when there is no such dead letter. */
  resubmit(letter: DeadLetterId): Promise<Result<boolean>>
  /** A new worker for a bot now, a failed bot is released by it; false when no bot of this id was started. */
  restartBot(botId: string): Promise<boolean>
  /** Ends a bot's worker as a crash would; false when there is no such bot. */
  killBot(botId: string): Promise<boolean>
}

/** One-way notices of the supervisor thread over parentPort. */
export type HostSignal = NamedEvent
