import { assertNever } from '../../core/assert-never.ts'
import type { InboundEvent } from '../../protocol/model/inbound-event.ts'
import type { Receiver } from '../../protocol/model/message.ts'

export interface ReplyTarget {
  /** Id of the message to answer. Null: the reply stands on its own. */
  readonly messageId: string | null
  readonly receiver: Receiver
}

/**
 * Chooses where the replies to an event go: to its message, else to its chat, else to its operator. Undefined when
 * none of them is known: a bot's own reaction.
 */
export function replyTarget(event: InboundEvent): ReplyTarget | undefined {
  switch (event.kind) {
    case 'message':
      return { messageId: event.messageId, receiver: chat(event.chatId) }
    case 'bot_added':
    case 'p2p_entered':
      return { messageId: null, receiver: chat(event.chatId) }
    case 'card_action':
      return { messageId: null, receiver: event.chatId === undefined ? user(event.operatorOpenId) : chat(event.chatId) }
    // A chat that removed the bot takes no message from the bot.
    case 'bot_removed':
    case 'menu':
      return { messageId: null, receiver: user(event.operatorOpenId) }
    case 'reaction':
      return event.operatorOpenId === '' ? undefined : { messageId: null, receiver: user(event.operatorOpenId) }
    case 'other':
      return event.chatId === undefined ? undefined : { messageId: null, receiver: chat(event.chatId) }
    default:
      return assertNever(event)
  }
}

function chat(id: string): Receiver {
  return { type: 'chat_id', id }
}

function user(id: string): Receiver {
  return { type: 'open_id', id }
}
