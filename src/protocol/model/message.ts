import type { ErrorRecord } from '../../core/errors.ts'

/**
 * Our own words for what Feishu sends and what we send back; no SDK types.
 */

/** One event as the bot worker received it, before it is stored. */
export interface FeishuEvent {
  /**
   * Unique per bot: `m:<message_id>` for messages, `e:<event_id>` for all other events.
   * A redelivery has the same key (Feishu: rely on message_id, not event_id, for im.message.receive_v1).
   */
  readonly dedupeKey: string
  readonly eventId: string
  /** Feishu's event type, e.g. `im.message.receive_v1`. */
  readonly type: string
  /** Events of one (bot, lane) are handled one at a time in order of acceptance: the chat id, or the event type. */
  readonly lane: string
  /** When Feishu says it happened, milliseconds since the epoch; the time of arrival if it does not say. */
  readonly createdAt: number
  /** When it reached this process, milliseconds since the epoch. */
  readonly receivedAt?: number
  /** The raw envelope as JSON text; its beginning only if `oversizeBytes` is set. */
  readonly payload: string
  /** The size of an envelope above the limit, bytes: it is kept as a dead letter and never handled. */
  readonly oversizeBytes?: number
}

/** One visible message to send. */
export interface ReplyPart {
  /** Feishu's msg_type, e.g. `text`. */
  readonly msgType: string
  /** Feishu's content: a JSON string. With an upload what is known of it, until its key takes the place. */
  readonly content: string
  /** Absent: the content is all there is to it. */
  readonly delivery?: Delivery
  /** Of an upload, on its way from the handler to the store and from there to the bot's worker. */
  readonly bytes?: Uint8Array
}

/** How a message is shown, besides its type and content. */
export interface Delivery {
  readonly inThread?: boolean
  /** It shows an image or file that has to be uploaded first. */
  readonly upload?: UploadRef
  /** The number of a streamed answer of the event: the message may be there already and is brought to its end. */
  readonly stream?: number
}

/** Bytes that are kept beside the reply. */
export interface UploadRef {
  /** Made from the bytes. */
  readonly id: string
  readonly name: string
  /** Bytes. */
  readonly size: number
}

/** Who gets a message that answers no other: a chat, or a user's p2p chat with the bot. */
export interface Receiver {
  readonly type: 'chat_id' | 'open_id'
  readonly id: string
}

/** A reply on its way to Feishu. */
export interface OutgoingReply extends ReplyPart {
  /** The message it answers; null: it is sent to the receiver on its own. */
  readonly messageId: string | null
  /** Where it goes on its own, also when the message it answers was withdrawn. */
  readonly receiver: Receiver
  /** Feishu shows at most one message per uuid within an hour; at most 50 characters. Stable over every retry. */
  readonly uuid: string
}

/** An event, or one reply of an event, that was given up. */
export interface DeadLetter {
  readonly kind: 'event' | 'reply'
  readonly eventId: number
  /** Of a reply. */
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
  /** Feishu's log id, for its support. */
  readonly logId?: string
  /** When it was given up, milliseconds since the epoch. */
  readonly endedAt: number
}

export interface DeadLetterPage {
  readonly limit: number
  /** So many are left out. Default 0. */
  readonly offset?: number
  /** Only what was given up before, milliseconds since the epoch: the last `endedAt` of the page before. */
  readonly before?: number
}

/** An event, or with `part` one reply of it. */
export interface DeadLetterId {
  readonly eventId: number
  readonly part?: number
}
