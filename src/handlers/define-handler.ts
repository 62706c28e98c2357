import type { LogLevel } from '../core/log/logger.ts'
import type {
  CardResponse,
  InboundCardAction,
  InboundEvent,
  InboundEventKind,
  InboundMembership,
  InboundMenu,
  InboundOther,
  InboundP2pEntered,
  InboundReaction,
} from '../protocol/model/inbound-event.ts'
import type { InboundMessage } from '../protocol/model/inbound-message.ts'
import type { Reply, StreamOptions } from './reply.ts'

/** A message of the chat's past. */
export interface HistoryMessage {
  /** This bot sent it. */
  readonly isOwn: boolean
  /** The message as text, for every message type, as `message.text`. */
  readonly text: string
  readonly messageType: string
  readonly messageId: string
  /** Empty if an app wrote the message, e.g. this bot. */
  readonly senderOpenId: string
  /** Milliseconds since the epoch. */
  readonly createdAt: number
}

/** Functions and data for one run of a handler. */
export interface ChatContext {
  /**
   * Adds a reply: a text, or an object (see `Reply`). A message is answered in its chat, as a reply to it. Any other
   * event is answered in its chat. An event without a chat, and `bot_removed`, is answered in the p2p chat of the user
   * who caused it.
   *
   * Resolves at once: replies are kept until the handler ends, stored together with its completion, and sent in order.
   * A handler that fails sends none. Rejects, naming the field, if Feishu would refuse the reply. Rejects also after
   * the handler has ended, and for an event without a known receiver.
   */
  reply(reply: string | Reply): Promise<void>
  /**
   * Streams Markdown: the answer grows with every piece that `source` gives. Resolves at the end of `source`. Rejects if
   * `source` fails; the text so far stays if the handler goes on.
   */
  stream(source: AsyncIterable<string>, options?: StreamOptions): Promise<void>
  /**
   * Returns the last `count` (1 to 100) messages of this chat before this one, oldest first: messages to this bot and
   * its answers. Only stored messages are known. Messages are missing if Feishu did not send them (before the bot was
   * added; in a group often all that do not mention it) or if they are older than `messages.retentionMs`. Empty for an
   * event without a chat. Rejects while the database is away.
   */
  history(count: number): Promise<readonly HistoryMessage[]>
  /** Writes a log line (event `log`) with the ids of the bot and the event. Do not log texts of messages. */
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void
  /** Returns a secret from `secrets` in the options. Throws if there is none of this name. Logs and errors show it as `***`. */
  secret(name: string): string
  /**
   * 1 for the first run of this event. A run that was cut short by the end of its process or by a stop is not counted:
   * the next run has the same number.
   */
  readonly attempt: number
  /** Aborts shortly before the time limit. At the limit the thread is stopped. */
  readonly signal: AbortSignal
}

/** Handles one chat message. Messages of one chat come one at a time and in order. */
export type ChatHandler = (message: InboundMessage, ctx: ChatContext) => void | Promise<void>

/** Handles one event of a kind. */
export type EventHandler<Event> = (event: Event, ctx: ChatContext) => void | Promise<void>

/** Handles a card action. The returned toast or card is shown if it comes within 2.3 s, and dropped later. Replies are always sent. */
export type CardActionHandler = (
  action: InboundCardAction,
  ctx: ChatContext,
) => CardResponse | void | Promise<CardResponse | void>

/** One function per kind of event. Events of other kinds complete without a run. */
export interface ChatHandlers {
  readonly message?: ChatHandler
  readonly reaction?: EventHandler<InboundReaction>
  readonly botAdded?: EventHandler<InboundMembership>
  readonly botRemoved?: EventHandler<InboundMembership>
  /** A user opened the chat with the bot. */
  readonly p2pEntered?: EventHandler<InboundP2pEntered>
  readonly menu?: EventHandler<InboundMenu>
  readonly cardAction?: CardActionHandler
  /** All events of other types. */
  readonly other?: EventHandler<InboundOther>
}

/** Name of the function for each kind of event. */
export const HANDLER_NAMES = {
  message: 'message',
  reaction: 'reaction',
  bot_added: 'botAdded',
  bot_removed: 'botRemoved',
  p2p_entered: 'p2pEntered',
  menu: 'menu',
  card_action: 'cardAction',
  other: 'other',
} as const satisfies Record<InboundEventKind, keyof ChatHandlers>

/** Any handler function, as the pool calls it. */
export type AnyHandler = (event: InboundEvent, ctx: ChatContext) => unknown

/** Gives a handler module its types: `export default defineHandler(async (message, ctx) => { ... })`. */
export function defineHandler(handler: ChatHandler): ChatHandler {
  return handler
}

/** Gives types to a module that handles more than messages: `export default defineHandlers({ message, cardAction })`. */
export function defineHandlers(handlers: ChatHandlers): ChatHandlers {
  return handlers
}
