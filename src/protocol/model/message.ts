import type { ErrorRecord } from '../../core/errors.ts'

/**
 * Our own types for Feishu's events and for our replies. No SDK types.
 */

/** One event received by the bot worker, before it is stored. */
export interface FeishuEvent {
  /**
   * Key that is unique per bot: `m:<message_id>` for messages, `e:<event_id>` for all other events.
   * A redelivery has the same key (Feishu: rely on message_id, not event_id, for im.message.receive_v1).
   */
  readonly dedupeKey: string
  readonly eventId: string
  /** Feishu's event type, e.g. `im.message.receive_v1`. */
  readonly type: string
  /** The chat id, or the event type. Events of one (bot, lane) are handled one at a time, in order of acceptance. */
  readonly lane: string
  /** When the event happened, milliseconds since the epoch. The time of arrival if Feishu does not say it. */
  readonly createdAt: number
  /** When the event reached this process, milliseconds since the epoch. */
  readonly receivedAt?: number
  /** The raw envelope as JSON text. Only its beginning if `oversizeBytes` is set. */
  readonly payload: string
  /** Size of an envelope above the limit, bytes. The event becomes a dead letter and is never handled. */
  readonly oversizeBytes?: number
}

/** One visible message to send. */
export interface ReplyPart {
  /** Feishu's msg_type, e.g. `text`. */
  readonly msgType: string
  /** Feishu's content: a JSON string. For an upload its name and size, until Feishu's key replaces them. */
  readonly content: string
  /** Absent if the reply needs no more than its content. */
  readonly delivery?: Delivery
  /** Bytes of an upload, on the way from the handler to the store and from the store to the bot's worker. */
  readonly bytes?: Uint8Array
}

/** Details of sending a message, besides its type and content. */
export interface Delivery {
  readonly inThread?: boolean
  /** Image or file of the message, to be uploaded first. */
  readonly upload?: UploadRef
  /** Number of a streamed answer of the event. The message may be shown already and is then completed. */
  readonly stream?: number
}

/** Reference to bytes that are stored beside the reply. */
export interface UploadRef {
  /** Hash of the bytes. */
  readonly id: string
  readonly name: string
  /** Bytes. */
  readonly size: number
}

/** Receiver of a message that is no answer: a chat, or a user's p2p chat with the bot. */
export interface Receiver {
  readonly type: 'chat_id' | 'open_id'
  readonly id: string
}

/** A reply on its way to Feishu. */
export interface OutgoingReply extends ReplyPart {
  /** The message to answer. Null: the reply is sent to the receiver as a message of its own. */
  readonly messageId: string | null
  /** Receiver if the reply is a message of its own, also when the answered message was withdrawn. */
  readonly receiver: Receiver
  /** At most 50 characters. Feishu shows at most one message per uuid within an hour. Every retry has the same uuid. */
  readonly uuid: string
}

/** An event that was given up, or one reply of an event. */
export interface DeadLetter {
  readonly kind: 'event' | 'reply'
  readonly eventId: number
  /** Number of the reply within the event. Absent for an event. */
  readonly part?: number
  readonly botId: string
  readonly lane: string
  readonly type: string
  readonly dedupeKey: string
  /** The event's payload, or the reply's content. */
  readonly payload: string
  readonly attempt: number
  readonly reason: string
  readonly error?: ErrorRecord
  /** Feishu's log id, for Feishu's support. */
  readonly logId?: string
  /** When the event or reply was given up, milliseconds since the epoch. */
  readonly endedAt: number
}

export interface DeadLetterPage {
  readonly limit: number
  /** Number of dead letters to skip. Default 0. */
  readonly offset?: number
  /** Only dead letters that ended before, milliseconds since the epoch: the last `endedAt` of the page before. */
  readonly before?: number
}

/** Id of a dead event, or with `part` of one reply of it. */
export interface DeadLetterId {
  readonly eventId: number
  readonly part?: number
}
