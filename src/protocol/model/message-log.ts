import type { ErrorRecord } from '../../core/errors.ts'
import type { DeadLetter } from './message.ts'

export type MessageState = 'available' | 'executing' | 'completed' | 'dead'

/** One stored event and its progress. Instants are milliseconds since the epoch. */
export interface MessageSummary {
  readonly eventId: number
  readonly botId: string
  readonly lane: string
  /** Feishu's event type. */
  readonly type: string
  /** Feishu's id of the event. */
  readonly feishuEventId: string
  readonly state: MessageState
  readonly attempt: number
  /** How many deaths of a process the event was claimed through. They count no attempt. */
  readonly deaths: number
  /** When the event happened, as Feishu says. */
  readonly createdAt: number
  /** When the event reached this process. */
  readonly receivedAt?: number
  /** When the event was stored. */
  readonly persistedAt: number
  /** When the acknowledgement was sent. Known after the first run. */
  readonly ackedAt?: number
  /** When the newest attempt began. */
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
  /** Feishu's id of the message. */
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

/** One page of a list. `botIds` null: all bots. */
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

/** Selects the last `limit` messages of one chat of a bot before the event `beforeId`. */
export interface HistoryQuery {
  readonly botId: string
  readonly chatId: string
  readonly beforeId: number
  readonly limit: number
}

/** A message to the bot. Instants are milliseconds since the epoch. */
export interface PastEvent {
  readonly kind: 'event'
  /** The raw envelope as JSON text. */
  readonly payload: string
  readonly createdAt: number
}

/** A message that the bot sent. Instants are milliseconds since the epoch. */
export interface PastReply {
  readonly kind: 'reply'
  readonly messageId: string
  readonly msgType: string
  readonly content: string
  readonly sentAt: number
}

/** Read access to stored messages. */
export interface MessageLog {
  /** Newest first. */
  list(query: PageQuery & { readonly state?: MessageState | undefined }): Promise<Page<MessageSummary>>
  get(eventId: number): Promise<MessageDetail | null>
  /** Newest first, without recalled and pruned messages. */
  history(query: HistoryQuery): Promise<readonly (PastEvent | PastReply)[]>
  /** Newest first. */
  deadLetters(query: PageQuery): Promise<Page<DeadLetter>>
}
