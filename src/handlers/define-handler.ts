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
  /** Readable whatever the type, as `message.text` is. */
  readonly text: string
  readonly messageType: string
  readonly messageId: string
  /** Empty if an app wrote it, this bot for example. */
  readonly senderOpenId: string
  /** Milliseconds since the epoch. */
  readonly createdAt: number
}

/** What a handler can do besides reading its event. */
export interface ChatContext {
  /**
   * Answers with a text or what an object says: a message where it was written, any other event in its chat or,
   * if it has none (and for `bot_removed`), in the p2p chat of whoever caused it.
   *
   * Resolves at once: replies are kept until the handler ends, become durable together with its
   * completion, and go out in order. A handler that fails sends none. Rejects, naming the field, for what Feishu
   * would not take; also after the handler has ended, and for an event of which nobody is known to answer to.
   */
  reply(reply: string | Reply): Promise<void>
  /**
   * Answers with Markdown that grows while it is read from `source`, piece by piece. Resolves at its end, or
   * rejects as the source does; what has come until then stays if the handler goes on.
   */
  stream(source: AsyncIterable<string>, options?: StreamOptions): Promise<void>
  /**
   * The last `count` (1 to 100) messages of this chat before this one, oldest first: what was written to this bot and
   * what it answered. Only what is stored is known: not what came before the bot or while Feishu did not tell it (in
   * a group, often everything that does not mention it), nor what is older than `messages.retentionMs`. Empty where
   * the event has no chat. Rejects while the database is away.
   */
  history(count: number): Promise<readonly HistoryMessage[]>
  /** Writes a line of the log (event `log`), with the bot and the event. Texts of messages are yours to keep out of it. */
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void
  /** One of `secrets` in the options. Throws for a name that is not there. Logs and errors show it as `***`. */
  secret(name: string): string
  /** 1 for the first run of this event. */
  readonly attempt: number
  /** Aborted shortly before the time limit, after which the thread is stopped. */
  readonly signal: AbortSignal
}

/** Handles one chat message; messages of one chat come one at a time and in order. */
export type ChatHandler = (message: InboundMessage, ctx: ChatContext) => void | Promise<void>

/** Handles one event of a kind. */
export type EventHandler<Event> = (event: Event, ctx: ChatContext) => void | Promise<void>

/** What a press on a card shows, if anything. Within 2.3 s it is shown at once, later it is dropped; replies go out in any case. */
export type CardActionHandler = (
  action: InboundCardAction,
  ctx: ChatContext,
) => CardResponse | void | Promise<CardResponse | void>

/** One function per kind of event; events of the other kinds complete without a run. */
export interface ChatHandlers {
  readonly message?: ChatHandler
  readonly reaction?: EventHandler<InboundReaction>
  readonly botAdded?: EventHandler<InboundMembership>
  readonly botRemoved?: EventHandler<InboundMembership>
  /** A user opened the chat with the bot. */
  readonly p2pEntered?: EventHandler<InboundP2pEntered>
  readonly menu?: EventHandler<InboundMenu>
  readonly cardAction?: CardActionHandler
  /** Every event of a type that is not one of these. */
  readonly other?: EventHandler<InboundOther>
}

/** The function of each kind of event. */
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

/** Any of the functions, as the pool calls it. */
export type AnyHandler = (event: InboundEvent, ctx: ChatContext) => unknown

/** Gives a handler module its types: `export default defineHandler(async (message, ctx) => { ... })`. */
export function defineHandler(handler: ChatHandler): ChatHandler {
  return handler
}

/** The same for a module that handles more than messages: `export default defineHandlers({ message, cardAction })`. */
export function defineHandlers(handlers: ChatHandlers): ChatHandlers {
  return handlers
}
