import type { AnswerPolicy } from '../../protocol/model/bot-settings.ts'
import type { InboundEvent } from '../../protocol/model/inbound-event.ts'
import type { InboundMessage } from '../../protocol/model/inbound-message.ts'

/** Reason why an event is completed without a run. */
export type SkipReason = 'chat_not_allowed' | 'user_not_allowed' | 'not_mentioned' | 'from_bot' | 'bot_loop'

/**
 * Most messages of bots in a row that are answered. After that, two bots that answer each other are quiet until a
 * person writes.
 */
export const MAX_BOT_TURNS = 5

/**
 * Returns why the policy skips an event. Undefined: the event is handled. Pure. It does not use past messages;
 * `isBotLoop` does.
 */
export function skipReason(event: InboundEvent, policy: AnswerPolicy): SkipReason | undefined {
  const { chats, users, groups, bots } = policy
  const { chatId, userId } = senderAndChat(event)
  if (chats !== undefined && chatId !== undefined && !chats.includes(chatId)) return 'chat_not_allowed'
  if (event.kind === 'message' && event.senderType === 'app') {
    if (bots === 'ignore') return 'from_bot'
  } else if (users !== undefined && userId !== undefined && !users.includes(userId)) return 'user_not_allowed'
  if (event.kind !== 'message' || event.chatType === 'p2p' || groups === 'all') return undefined
  return groups === 'mentioned' && event.isBotMentioned ? undefined : 'not_mentioned'
}

/** True when bots talk to each other. `before` are the last messages to this bot in the chat. */
export function isBotLoop(before: readonly InboundMessage[]): boolean {
  const last = before.slice(-MAX_BOT_TURNS)
  return last.length === MAX_BOT_TURNS && last.every(({ senderType }) => senderType === 'app')
}

/**
 * Sets `isBotMentioned` for this bot by its open id. While the open id is unknown (null), any mentioned bot may be this
 * bot, so the message stays as it is.
 */
export function addressed(message: InboundMessage, openId: string | null): InboundMessage {
  if (openId === null) return message
  return { ...message, isBotMentioned: message.mentions.some((mention) => mention.openId === openId) }
}

function senderAndChat(event: InboundEvent): {
  readonly chatId?: string | undefined
  readonly userId?: string | undefined
} {
  const { chatId } = { chatId: undefined, ...event }
  if (event.kind === 'message') return { chatId, userId: event.senderOpenId }
  return { chatId, userId: 'operatorOpenId' in event ? event.operatorOpenId : undefined }
}
