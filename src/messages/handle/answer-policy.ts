import type { AnswerPolicy } from '../../protocol/model/bot-settings.ts'
import type { InboundEvent } from '../../protocol/model/inbound-event.ts'
import type { InboundMessage } from '../../protocol/model/inbound-message.ts'

/** Why an event is completed without a run. */
export type SkipReason = 'chat_not_allowed' | 'user_not_allowed' | 'not_mentioned' | 'from_bot' | 'bot_loop'

/** Messages of bots in a row that are answered. Two bots that answer each other are quiet after it, until a person speaks. */
export const MAX_BOT_TURNS = 5

/** Why this bot leaves an event alone; undefined if it does not. Pure; of a chat's past it knows nothing, see `isBotLoop`. */
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

/** Whether bots talk to each other: `before` are the last messages to this bot in the chat. */
export function isBotLoop(before: readonly InboundMessage[]): boolean {
  const last = before.slice(-MAX_BOT_TURNS)
  return last.length === MAX_BOT_TURNS && last.every(({ senderType }) => senderType === 'app')
}

/** The message as this bot should see it: until its own open id is known, any bot that is mentioned may be it. */
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
