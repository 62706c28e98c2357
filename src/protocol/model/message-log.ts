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

/** A page of stored events. */
export interface MessageQuery {
  /** Bots whose events are listed; null: all. Default: all bots. */
  readonly botIds?: readonly string[] | null | undefined
  /** Only events in this state. Default: any. */
  readonly state?: MessageState | undefined
  /** How many. Default: 20. */
  readonly limit?: number | undefined
  /** How many of the newest are left out. Default: 0. */
  readonly offset?: number | undefined
}

/** A page of dead letters. */
export interface DeadLetterQuery {
  /** Bots whose dead letters are listed; null: all. Not together with `before`. Default: all bots. */
  readonly botIds?: readonly string[] | null | undefined
  /** How many, 1 to 100. Default: 20. */
  readonly limit?: number | undefined
  /** How many of the newest are left out. Default: 0. */
  readonly offset?: number | undefined
  /**
   * Only what was given up before, milliseconds since the epoch: the last `endedAt` of the page before, `Infinity` for
   * the first page. What ended at the same instant stays together, so such a page may be longer than `limit`. Default: none.
   */
  readonly before?: number | undefined
}

/** One page of a list. */
export interface Page<Item> {
  readonly items: readonly Item[]
  /** How many there are on all pages. */
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
