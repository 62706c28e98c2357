import type { MessagePort } from 'node:worker_threads'
import type { Heartbeat } from '../core/lifecycle/heartbeat.ts'
import type { ApiTokenRecord, AuditEntry, NewApiToken, NewToken } from './model/access.ts'
import type { BotChange, BotInput } from './model/bot-input.ts'
import type { ChatOutcome, HandlerRef, HostRun } from './chat.ts'
import type { NamedEvent } from './model/events.ts'
import type { Finding } from './model/finding.ts'
import type { DeadLetter, DeadLetterId } from './model/message.ts'
import type { MessageDetail, MessageLog, MessageSummary, Page, PageQuery } from './model/message-log.ts'
import type { Result } from './model/result.ts'
import type { BotRecord, SupervisorReport } from './model/status.ts'
import type { ResolvedConnectionOptions } from './options/connection-options.ts'
import type { HandlingOptions } from './options/handling-options.ts'
import type { ResolvedHealthOptions } from './options/health-options.ts'
import type { ResolvedSupervisionOptions } from './options/supervision-options.ts'

/** Built files and folders that the supervisor thread needs. Only the host knows where the package is. */
export interface PackagePaths {
  readonly botWorker: string
  readonly botProcess: string
  readonly chatWorker: string
  readonly chatProcess: string
  readonly pgliteWorker: string
  readonly supervisorWorker: string
  /** Module that runs the host's own functions on the host's thread. It is no thread entry. */
  readonly handlerRunner: string
  readonly migrations: string
}

/** The public options with every default filled in and every path absolute; src/options has the interface. */
export interface ResolvedOptions {
  readonly databaseUrl?: string | undefined
  readonly dataDir: string
  readonly masterKey?: string | undefined
  /** By name; `default` is what a bot has that names none. */
  readonly handlers: Readonly<Record<string, HandlerRef>>
  /** For handlers, by name. */
  readonly secrets: Readonly<Record<string, string>>
  readonly maxConnections: number
  readonly shutdownGraceMs: number
  readonly supervision: ResolvedSupervisionOptions
  readonly health: ResolvedHealthOptions
  readonly connection: ResolvedConnectionOptions
  readonly messages: HandlingOptions
}

/** workerData of the supervisor thread. */
export interface SupervisorBoot {
  readonly options: ResolvedOptions
  readonly paths: PackagePaths
  /** Owner of this thread's claims. */
  readonly instanceId: string
  /** Instance id of this handle's thread that ended. Its claims are free at once instead of after their lease. */
  readonly supersedes?: string
  readonly controlPort: MessagePort
  /** Port of `SourceControl`. Present if the host keeps the bots itself. */
  readonly sourcePort?: MessagePort
  readonly heartbeat: Heartbeat
  /** False for administration: the store is opened, but no bots and no pool are started. */
  readonly startsBots: boolean
}

/** An unchanged POST to the webhook of an app. */
export interface WebhookRequest {
  /** The signed bytes. */
  readonly body: Uint8Array
  /** `X-Lark-Request-Timestamp`, `X-Lark-Request-Nonce`, `X-Lark-Signature`. */
  readonly timestamp: string | null
  readonly nonce: string | null
  readonly signature: string | null
}

/** Answer to a webhook. 401: the request is not Feishu's; the reason is not sent. 503: the event was not stored. */
export type WebhookAnswer = { readonly status: 200; readonly body: object } | { readonly status: 401 | 503 }

/**
 * The host channel: the handle calls, the supervisor thread answers. Plain data. Every call has a deadline.
 * `by` names the caller for the audit log.
 */
export interface HostControl {
  /** Settles when the bots are started. While the database is away: when all other settings are known to be valid. */
  start(): Promise<Result<undefined>>
  /** Drains for at most `graceMs`, ends every worker, closes the store. */
  stop(graceMs: number): Promise<void>
  report(): Promise<SupervisorReport>
  /** Metrics in the text format of Prometheus. */
  metrics(): Promise<string>
  /** Stores the bot, and starts it if `startsBots`. */
  addBot(bot: BotInput, by: string): Promise<Result<BotRecord>>
  listBots(): Promise<Result<readonly BotRecord[]>>
  /**
   * Stores the change and applies it. Null if there is no such bot. `CONNECTION_LIMIT`, without any change, if it would
   * need one connection too many.
   */
  updateBot(botId: string, change: BotChange, by: string): Promise<Result<BotRecord | null>>
  /** Ends the bot's worker and forgets the bot; its events stay. False when there is no such bot. */
  removeBot(botId: string, by: string): Promise<Result<boolean>>
  /** Resolves with 200 only when the event is committed. */
  takeWebhook(appId: string, request: WebhookRequest): Promise<WebhookAnswer>
  listMessages(query: Parameters<MessageLog['list']>[0]): Promise<Result<Page<MessageSummary>>>
  /** Null if there is no such event. */
  getMessage(eventId: number): Promise<Result<MessageDetail | null>>
  /** With `before` of all bots. */
  listDeadLetters(query: PageQuery & { readonly before?: number }): Promise<Result<Page<DeadLetter>>>
  /** False when there is no such dead letter. */
  resubmit(letter: DeadLetterId, by: string): Promise<Result<boolean>>
  createToken(token: NewApiToken, by: string): Promise<Result<NewToken>>
  listTokens(): Promise<Result<readonly ApiTokenRecord[]>>
  /** False if there is no such token, or it is revoked already. */
  revokeToken(id: string, by: string): Promise<Result<boolean>>
  /** Null if the token is not valid now. */
  authenticate(id: string, secret: string): Promise<Result<ApiTokenRecord | null>>
  /** Encrypts all secrets with a new master key. Returns the number of bots that were encrypted again. */
  rotateKeys(by: string): Promise<Result<number>>
  auditLog(query: { limit: number; offset: number }): Promise<Result<Page<AuditEntry>>>
  /** Answer to a `run` of this thread. Changes nothing if the run is not awaited any more. */
  hostRunEnded(id: number, outcome: ChatOutcome): Promise<void>
  /** Replaces the bot's worker now. Releases a failed bot. False if the bot has no worker. */
  restartBot(botId: string, by: string): Promise<Result<boolean>>
  /** Reports that this bot of the source, or any bot, may have changed. */
  lookAtSource(botId?: string): Promise<void>
  /** Finds the obstacles between these bots and their apps. Null: all bots, database and master key too. Takes up to a minute for each few bots. */
  diagnose(botIds: readonly string[] | null): Promise<readonly Finding[]>
  /** Ends a bot's worker as a crash would. False if there is no such bot. */
  killBot(botId: string): Promise<boolean>
}

/** One-way notices of the supervisor thread over parentPort, several per frame. `hostRunEnded` answers a `run`. */
export type HostSignal = NamedEvent | { readonly kind: 'run'; readonly run: HostRun }
