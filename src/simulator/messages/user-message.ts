import { botIds, TENANT_KEY, userIds } from '../shared/app-directory.ts'
import { type PlatformEvent, platformEvent } from '../events/platform-event.ts'
import { sampleContent, type UserMessageType } from './sample-content.ts'
import type { StoredMessage } from '../shared/stored-message.ts'

/** Writer, chat and app of a message. */
export interface UserWriting {
  readonly appId: string
  readonly chatId: string
  /** Default: one user per chat. */
  readonly userId?: string
  /** Default p2p. */
  readonly chatType?: 'p2p' | 'group'
  /** Mentions in the order of the placeholders `@_user_1`, `@_user_2`, ... in the text. Without `userId` the bot is mentioned. */
  readonly mentions?: readonly { readonly name: string; readonly userId?: string }[]
  /** The message that this one answers, of any sender. */
  readonly replyTo?: string
}

/** A text that a user sends to a bot. */
export interface UserMessage extends UserWriting {
  readonly text: string
}

/** A message of any type that a user sends to a bot. */
export interface TypedMessage extends UserWriting {
  readonly messageType: UserMessageType
  /** Default: a sample of the type. */
  readonly content?: Readonly<Record<string, unknown>>
}

export function userIdOf({ userId, chatId }: Pick<UserWriting, 'userId' | 'chatId'>): string {
  return userId ?? `user_of_${chatId}`
}

export function contentOf(message: UserMessage | TypedMessage): {
  readonly messageType: UserMessageType
  readonly content: Readonly<Record<string, unknown>>
} {
  if ('text' in message) return { messageType: 'text', content: { text: message.text } }
  const { messageType } = message
  return { messageType, content: message.content ?? sampleContent(messageType) }
}

/** Builds the im.message.receive_v1 event with every field of a message. [D] */
export function toMessageEvent(message: UserMessage | TypedMessage, stored: StoredMessage): PlatformEvent {
  const { appId, chatType = 'p2p' } = message
  const { messageId, createTime, parentId, threadId } = stored
  const mentions = message.mentions?.map(({ name, userId }, index) => ({
    key: `@_user_${index + 1}`,
    id: userId === undefined ? botIds(appId) : userIds(appId, userId),
    mentioned_type: userId === undefined ? 'bot' : 'user',
    name,
    tenant_key: TENANT_KEY,
  }))
  const event = {
    sender: { sender_id: userIds(appId, userIdOf(message)), sender_type: 'user', tenant_key: TENANT_KEY },
    message: {
      message_id: messageId,
      ...(parentId !== undefined && { root_id: stored.rootId, parent_id: parentId }),
      ...(threadId !== undefined && { thread_id: threadId }),
      create_time: createTime,
      update_time: createTime,
      chat_id: stored.chatId,
      chat_type: chatType,
      message_type: stored.msgType,
      content: stored.content,
      ...(mentions && { mentions }),
    },
  }
  return platformEvent(appId, 'im.message.receive_v1', createTime, event, { messageId })
}
