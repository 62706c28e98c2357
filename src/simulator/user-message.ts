import { botIds, TENANT_KEY, userIds } from './app-directory.ts'
import { newId } from './ids.ts'

/** A text that a user sends to a bot. */
export interface UserMessage {
  readonly appId: string
  readonly chatId: string
  readonly text: string
  /** Default: one user per chat. */
  readonly userId?: string
  /** Default p2p. */
  readonly chatType?: 'p2p' | 'group'
  /** In the order of the placeholders `@_user_1`, `@_user_2`, ... in the text; without `userId` it is the bot. */
  readonly mentions?: readonly { readonly name: string; readonly userId?: string }[]
}

/** An event on its way to the app. */
export interface PlatformEvent {
  readonly appId: string
  readonly eventId: string
  readonly messageId: string
  /** The JSON text, the same in every attempt. */
  readonly payload: Uint8Array
}

export function userIdOf(message: UserMessage): string {
  return message.userId ?? `user_of_${message.chatId}`
}

/** The im.message.receive_v1 envelope, schema 2.0, with every field of a text message. [D] */
export function toMessageEvent(message: UserMessage, now: number): PlatformEvent {
  const { appId, chatId, text, chatType = 'p2p' } = message
  const eventId = newId()
  const messageId = newId('om_')
  const createTime = String(now)
  const mentions = message.mentions?.map(({ name, userId }, index) => ({
    key: `@_user_${index + 1}`,
    id: userId === undefined ? botIds(appId) : userIds(appId, userId),
    mentioned_type: userId === undefined ? 'bot' : 'user',
    name,
    tenant_key: TENANT_KEY,
  }))
  const envelope = {
    schema: '2.0',
    header: {
      event_id: eventId,
      event_type: 'im.message.receive_v1',
      create_time: createTime,
      token: '',
      app_id: appId,
      tenant_key: TENANT_KEY,
    },
    event: {
      sender: { sender_id: userIds(appId, userIdOf(message)), sender_type: 'user', tenant_key: TENANT_KEY },
      message: {
        message_id: messageId,
        create_time: createTime,
        update_time: createTime,
        chat_id: chatId,
        chat_type: chatType,
        message_type: 'text',
        content: JSON.stringify({ text }),
        ...(mentions && { mentions }),
      },
    },
  }
  return { appId, eventId, messageId, payload: Buffer.from(JSON.stringify(envelope)) }
}
