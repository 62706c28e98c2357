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
  /** The raw envelope as JSON text. */
  readonly payload: string
}

/** A chat message as a handler sees it. */
export interface InboundMessage {
  readonly botId: string
  readonly messageId: string
  readonly chatId: string
  readonly chatType: 'p2p' | 'group'
  /** Feishu's message_type: text, post, image, file, ... */
  readonly messageType: string
  /** The text of a text message; empty for other types. */
  readonly text: string
  /** Feishu's content, parsed from its JSON string; `{}` if it could not be parsed. */
  readonly content: Readonly<Record<string, unknown>>
  readonly senderOpenId: string
  /** Milliseconds since the epoch. */
  readonly createdAt: number
}

/** One visible message to send. */
export interface ReplyPart {
  /** Feishu's msg_type, e.g. `text`. */
  readonly msgType: string
  /** Feishu's content: a JSON string. */
  readonly content: string
}

/** A reply on its way to Feishu. */
export interface OutgoingReply extends ReplyPart {
  /** The message it answers. */
  readonly messageId: string
  /** Feishu shows at most one message per uuid within an hour; at most 50 characters. Stable over every retry. */
  readonly uuid: string
}
