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

/** Built files and folders the supervisor thread needs; only the host knows where the package is. */
export interface PackagePaths {
  readonly botWorker: string
  readonly botProcess: string
  readonly chatWorker: string
  readonly pgliteWorker: string
  readonly supervisorWorker: string
  /** Not a thread: what runs the host's own functions on its thread. */
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
  /** The thread of this handle that is gone; its claims are free at once instead of after their lease. */
  readonly supersedes?: string
  readonly controlPort: MessagePort
  /** The host keeps the bots itself, and answers protocol/bot-source there. */
  readonly sourcePort?: MessagePort
  readonly heartbeat: Heartbeat
  /** False for administration: the store is opened, but no bot and no pool is started. */
  readonly startsBots: boolean
}

/** A POST to the webhook of an app, as it came. */
export interface WebhookRequest {
  /** The bytes that were signed. */
  readonly body: Uint8Array
  /** `X-Lark-Request-Timestamp`, `X-Lark-Request-Nonce`, `X-Lark-Signature`. */
  readonly timestamp: string | null
  readonly nonce: string | null
  readonly signature: string | null
}

/** What Feishu gets for it. 401: whatever is not Feishu's, so that nobody learns what was wrong; 503: not stored. */
export type WebhookAnswer = { readonly status: 200; readonly body: object } | { readonly status: 401 | 503 }

/**
 * The host wire: the handle calls, the supervisor thread answers. Plain data; every call has a deadline.
 * `by` names whoever orders it, for the audit log.
 */
export interface HostControl {
  /** Settles when the bots are started or, with the database away, when it is clear that the rest is right. */
  start(): Promise<Result<undefined>>
  /** Drains for at most `graceMs`, ends every worker, closes the store. */
  stop(graceMs: number): Promise<void>
  report(): Promise<SupervisorReport>
  /** Figures in the text format of Prometheus. */
  metrics(): Promise<string>
  /** Stores the bot and starts it, if bots are started. */
  addBot(bot: BotInput, by: string): Promise<Result<BotRecord>>
  listBots(): Promise<Result<readonly BotRecord[]>>
  /**
   * Stores the change and applies it. Null when there is no such bot; `CONNECTION_LIMIT`, changing nothing, when it
   * would be one connection too many.
   */
  updateBot(botId: string, change: BotChange, by: string): Promise<Result<BotRecord | null>>
  /** Ends the bot's worker and forgets the bot; its events stay. False when there is no such bot. */
  removeBot(botId: string, by: string): Promise<Result<boolean>>
  /** Resolves with 200 only when the event is committed. */
  takeWebhook(appId: string, request: WebhookRequest): Promise<WebhookAnswer>
  listMessages(query: Parameters<MessageLog['list']>[0]): Promise<Result<Page<MessageSummary>>>
  /** Null when there is no such event. */
  getMessage(eventId: number): Promise<Result<MessageDetail | null>>
  /** With `before` of all bots. */
  listDeadLetters(query: PageQuery & { readonly before?: number }): Promise<Result<Page<DeadLetter>>>
  /** False when there is no such dead letter. */
  resubmit(letter: DeadLetterId, by: string): Promise<Result<boolean>>
  createToken(token: NewApiToken, by: string): Promise<Result<NewToken>>
  listTokens(): Promise<Result<readonly ApiTokenRecord[]>>
  /** False when there is no such token, or it is revoked already. */
  revokeToken(id: string, by: string): Promise<Result<boolean>>
  /** Null for whatever is not a valid token now. */
  authenticate(id: string, secret: string): Promise<Result<ApiTokenRecord | null>>
  /** Seals all secrets with a new master key; answers how many bots had to be sealed anew. */
  rotateKeys(by: string): Promise<Result<number>>
  auditLog(query: { limit: number; offset: number }): Promise<Result<Page<AuditEntry>>>
  /** The answer to a `run` of this thread; changes nothing if nobody waits for it any more. */
  hostRunEnded(id: number, outcome: ChatOutcome): Promise<void>
  /** A new worker for a bot now, a failed bot is released by it; false when it has none. */
  restartBot(botId: string, by: string): Promise<Result<boolean>>
  /** That bot of the host's own, or any of them, may have changed. */
  lookAtSource(botId?: string): Promise<void>
  /** What stands between these bots and their apps; null: all of them, database and master key too. Takes up to a minute for each few bots. */
  diagnose(botIds: readonly string[] | null): Promise<readonly Finding[]>
  /** Ends a bot's worker as a crash would; false when there is no such bot. */
  killBot(botId: string): Promise<boolean>
}

/** One-way notices of the supervisor thread over parentPort, several to a frame; a `run` is answered with `hostRunEnded`. */
export type HostSignal = NamedEvent | { readonly kind: 'run'; readonly run: HostRun }
