import type { EventBase } from './event-base.ts'
import type { InboundMessage } from './inbound-message.ts'

/** A user added an emoji to a message, or took it back. Feishu does not say in which chat. */
export interface InboundReaction extends EventBase {
  readonly kind: 'reaction'
  readonly change: 'added' | 'removed'
  readonly messageId: string
  /** Feishu's emoji_type, e.g. `THUMBSUP`. */
  readonly emojiType: string
  /** `app`: a bot reacted, maybe this one; it has no open id then. */
  readonly operatorType: 'user' | 'app'
  readonly operatorOpenId: string
}

/** The bot became a member of a group, or is one no longer. */
export interface InboundMembership extends EventBase {
  readonly kind: 'bot_added' | 'bot_removed'
  readonly chatId: string
  /** Who added or removed it. */
  readonly operatorOpenId: string
  /** The group has members of other organisations. */
  readonly isExternal: boolean
  /** Feishu's `name`: the bot's or the group's, its documents disagree. */
  readonly name: string
}

/** A user opened the chat with the bot. */
export interface InboundP2pEntered extends EventBase {
  readonly kind: 'p2p_entered'
  readonly chatId: string
  readonly operatorOpenId: string
  /** The last message in the chat; absent at the first visit. */
  readonly lastMessageId?: string
  readonly lastMessageAt?: number
}

/** A user chose an entry of the bot's menu. */
export interface InboundMenu extends EventBase {
  readonly kind: 'menu'
  /** The key given to the entry in the developer console. */
  readonly eventKey: string
  readonly operatorOpenId: string
  readonly operatorName: string
}

/** A user pressed, chose or submitted something on a card. The answer is the handler's return value. */
export interface InboundCardAction extends EventBase {
  readonly kind: 'card_action'
  /** Absent for a card that lives outside a chat. */
  readonly chatId?: string
  /** The message that shows the card. */
  readonly messageId?: string
  readonly operatorOpenId: string
  readonly action: CardActionDetails
  /** Lets the card be updated twice within 30 minutes. */
  readonly updateToken: string
}

export interface CardActionDetails {
  /** The element: `button`, `select_static`, `input`, ... */
  readonly tag: string
  /** The element's name. */
  readonly name: string
  /** What the card's author attached to the element: an object, or a text. */
  readonly value: unknown
  /** The fields of a submitted form by name. */
  readonly formValue: Readonly<Record<string, unknown>>
  readonly inputValue?: string
  readonly option?: string
  readonly options?: readonly string[]
  readonly isChecked?: boolean
}

/** Any other event the app subscribed to. */
export interface InboundOther extends EventBase {
  readonly kind: 'other'
  /** Feishu's event type, e.g. `im.chat.updated_v1`. */
  readonly type: string
  readonly chatId?: string
}

export type InboundEvent =
  | InboundMessage
  | InboundReaction
  | InboundMembership
  | InboundP2pEntered
  | InboundMenu
  | InboundCardAction
  | InboundOther

export type InboundEventKind = InboundEvent['kind']

/** The type of a card callback, the one event whose acknowledgement carries an answer. */
export const CARD_ACTION_TYPE = 'card.action.trigger'

/** What a press on a card shows at once: a toast, another card, both or nothing. */
export interface CardResponse {
  readonly toast?: CardToast
  readonly card?: { readonly type: 'raw' | 'template'; readonly data: Readonly<Record<string, unknown>> }
}

export interface CardToast {
  readonly type: 'info' | 'success' | 'error' | 'warning'
  readonly content: string
}
