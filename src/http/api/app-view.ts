import type {
  ApiTokenRecord,
  AuditEntry,
  AuditOptions,
  AuditQuery,
  NewToken,
  NewTokenOptions,
} from '../../protocol/model/access.ts'
import type { EventMap } from '../../protocol/model/events.ts'
import type { Finding } from '../../protocol/model/finding.ts'
import type { WebhookAnswer, WebhookRequest } from '../../protocol/host.ts'
import type { BotChange, NewBotOptions } from '../../protocol/model/bot-input.ts'
import type { DeadLetter, DeadLetterId } from '../../protocol/model/message.ts'
import type {
  DeadLetterQuery,
  MessageDetail,
  MessageQuery,
  MessageSummary,
  Page,
} from '../../protocol/model/message-log.ts'
import type { BotRecord, SupervisorStatus } from '../../protocol/model/status.ts'
import type { Authenticate } from './authenticate.ts'
import type { BotRights } from './bot-rights.ts'

/** Part of `FeishuSupervisor` that the routes use. */
export interface AppView {
  /** Never rejects: returns the last known report while the supervisor thread is away. */
  status(): Promise<SupervisorStatus>
  /** Figures of the supervisor thread in the Prometheus text format; empty while the thread is down. */
  metrics(): Promise<string>
  addBot(bot: NewBotOptions, options: AuditOptions): Promise<BotRecord>
  updateBot(botId: string, change: BotChange, options: AuditOptions): Promise<BotRecord>
  removeBot(botId: string, options: AuditOptions): Promise<void>
  restartBot(botId: string, options: AuditOptions): Promise<void>
  listMessages(query: MessageQuery): Promise<Page<MessageSummary>>
  getMessage(eventId: number): Promise<MessageDetail | null>
  listDeadLetters(query: DeadLetterQuery): Promise<Page<DeadLetter>>
  resubmit(letter: DeadLetterId, options: AuditOptions): Promise<void>
  createToken(token: NewTokenOptions, options: AuditOptions): Promise<NewToken>
  listTokens(): Promise<readonly ApiTokenRecord[]>
  revokeToken(id: string, options: AuditOptions): Promise<void>
  authenticate(id: string, secret: string): Promise<ApiTokenRecord | null>
  takeWebhook(appId: string, request: WebhookRequest): Promise<WebhookAnswer>
  diagnose(botIds?: readonly string[]): Promise<readonly Finding[]>
  auditLog(query: AuditQuery): Promise<Page<AuditEntry>>
  on<K extends keyof EventMap>(name: K, listener: (event: EventMap[K]) => void): () => void
}

/** Dependencies of every group of routes. */
export interface RouteDeps {
  readonly view: AppView
  readonly authenticate: Authenticate
  /** Failed attempts after which a connection shows `error`. */
  readonly fastAttempts: number
  readonly botRights: BotRights
  /** Largest body of a webhook, bytes. */
  readonly maxWebhookBytes: number
}
