import type { EventBase } from './event-base.ts'
import type { InboundMessage } from './inbound-message.ts'

/** A user added an emoji to a message, or removed it. Feishu does not name the chat. */
export interface InboundReaction extends EventBase {
  readonly kind: 'reaction'
  readonly change: 'added' | 'removed'
  readonly messageId: string
  /** Feishu's emoji_type, e.g. `THUMBSUP`. */
  readonly emojiType: string
  /** `app`: a bot reacted, maybe this one. `operatorOpenId` is empty then. */
  readonly operatorType: 'user' | 'app'
  readonly operatorOpenId: string
}

/** The bot was added to a group, or removed from it. */
export interface InboundMembership extends EventBase {
  readonly kind: 'bot_added' | 'bot_removed'
  readonly chatId: string
  /** The user who added or removed the bot. */
  readonly operatorOpenId: string
  /** The group has members of other organisations. */
  readonly isExternal: boolean
  /** Feishu's `name`: the name of the bot or of the group. Feishu's documents disagree. */
  readonly name: string
}

/** A user opened the chat with the bot. */
export interface InboundP2pEntered extends EventBase {
  readonly kind: 'p2p_entered'
  readonly chatId: string
  readonly operatorOpenId: string
  /** The last message in the chat. Absent at the first visit. */
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

/** A user pressed a button, chose an option or submitted a form on a card. The handler's return value is the answer. */
export interface InboundCardAction extends EventBase {
  readonly kind: 'card_action'
  /** Absent for a card outside a chat. */
  readonly chatId?: string
  /** The message that shows the card. */
  readonly messageId?: string
  readonly operatorOpenId: string
  readonly action: CardActionDetails
  /** Token for at most two updates of the card within 30 minutes. */
  readonly updateToken: string
}

export interface CardActionDetails {
  /** The element: `button`, `select_static`, `input`, ... */
  readonly tag: string
  /** The element's name. */
  readonly name: string
  /** Value that the card's author attached to the element: an object or a text. */
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

/** Event type of a card callback. Only its acknowledgement carries an answer. */
export const CARD_ACTION_TYPE = 'card.action.trigger'

/** Answer to a card action, shown at once: a toast, a new card, both or nothing. */
export interface CardResponse {
  readonly toast?: CardToast
  readonly card?: { readonly type: 'raw' | 'template'; readonly data: Readonly<Record<string, unknown>> }
}

export interface CardToast {
  readonly type: 'info' | 'success' | 'error' | 'warning'
  readonly content: string
}
