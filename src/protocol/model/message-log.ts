import type { ErrorRecord } from '../../core/errors.ts'
import type { DeadLetter } from './message.ts'

export type MessageState = 'available' | 'executing' | 'completed' | 'dead'

/** One stored event and how far it is. Instants are milliseconds since the epoch. */
export interface MessageSummary {
  readonly eventId: number
  readonly botId: string
  readonly lane: string
  /** Feishu's event type and its own id of the event. */
  readonly type: string
  readonly feishuEventId: string
  readonly state: MessageState
  readonly attempt: number
  /** When Feishu says it happened. */
  readonly createdAt: number
  /** When it reached this process. */
  readonly receivedAt?: number
  /** When it was stored. */
  readonly persistedAt: number
  /** When its acknowledgement was let go; known once it was handled for the first time. */
  readonly ackedAt?: number
  /** When its newest attempt began. */
  readonly claimedAt?: number
  readonly finishedAt?: number
  readonly reason?: string
  readonly error?: ErrorRecord
}

/** One message that answers an event. */
export interface ReplySummary {
  readonly part: number
  readonly msgType: string
  readonly content: string
  readonly state: 'pending' | 'sent' | 'dead'
  readonly attempt: number
  readonly sentAt?: number
  /** Feishu's id of it. */
  readonly messageId?: string
  readonly reason?: string
  readonly error?: ErrorRecord
  readonly logId?: string
}

export interface MessageDetail extends MessageSummary {
  /** The raw envelope as JSON text. */
  readonly payload: string
  readonly replies: readonly ReplySummary[]
}

/** One page of a list; `botIds` null: of all bots. */
export interface PageQuery {
  readonly botIds: readonly string[] | null
  readonly limit: number
  readonly offset: number
}

export interface Page<Item> {
  readonly items: readonly Item[]
  readonly total: number
}

/** Of one chat of a bot: what was there before an event. */
export interface HistoryQuery {
  readonly botId: string
  readonly chatId: string
  readonly beforeId: number
  readonly limit: number
}

/** A message to the bot; instants are milliseconds since the epoch. */
export interface PastEvent {
  readonly kind: 'event'
  /** The raw envelope as JSON text. */
  readonly payload: string
  readonly createdAt: number
}

/** A message of the bot that was sent. */
export interface PastReply {
  readonly kind: 'reply'
  readonly messageId: string
  readonly msgType: string
  readonly content: string
  readonly sentAt: number
}

/** Looks at what is stored; changes nothing. */
export interface MessageLog {
  /** Newest first. */
  list(query: PageQuery & { readonly state?: MessageState | undefined }): Promise<Page<MessageSummary>>
  get(eventId: number): Promise<MessageDetail | null>
  /** Newest first; without what was taken back, and what was pruned. */
  history(query: HistoryQuery): Promise<readonly (PastEvent | PastReply)[]>
  /** Newest first. */
  deadLetters(query: PageQuery): Promise<Page<DeadLetter>>
}
