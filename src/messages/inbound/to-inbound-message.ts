import { asObject } from '../../core/as-object.ts'
import type { EventBase } from '../../protocol/model/event-base.ts'
import type { InboundMessage, Mention } from '../../protocol/model/inbound-message.ts'
import { type BadEvent, bad, type Fields, instantFrom, optionalText, parseJson, text } from './envelope.ts'

export const MESSAGE_EVENT_TYPE = 'im.message.receive_v1'

/**
 * Reads the event of an `im.message.receive_v1` envelope. Only the ids and the message type are required: fields that
 * Feishu leaves out for some senders and types become empty. `text` is the text of a text message, placeholders
 * included. The pool thread renders it, and every other type, with the SDK.
 */
export function readMessage(base: EventBase): InboundMessage | BadEvent {
  const { raw } = base
  const message = asObject(raw['message'])
  const messageId = text(message['message_id'])
  const chatId = text(message['chat_id'])
  const messageType = text(message['message_type'])
  if (messageId === '') return bad('event.message.message_id is missing')
  if (chatId === '') return bad('event.message.chat_id is missing')
  if (messageType === '') return bad('event.message.message_type is missing')

  const content = readContent(message['content'])
  const named = readMentions(message['mentions'])
  const mentions = named.filter(({ key }) => key !== '@_all')
  return {
    ...base,
    kind: 'message',
    messageId,
    chatId,
    chatType: message['chat_type'] === 'p2p' ? 'p2p' : 'group',
    messageType,
    text: messageType === 'text' ? text(content['text']) : '',
    content,
    senderType: asObject(raw['sender'])['sender_type'] === 'app' ? 'app' : 'user',
    senderOpenId: text(asObject(asObject(raw['sender'])['sender_id'])['open_id']),
    createdAt: instantFrom(message['create_time']) ?? base.createdAt,
    mentions,
    isBotMentioned: mentions.some(({ isBot }) => isBot),
    // Feishu often leaves `@_all` out of the mentions.
    isAllMentioned: mentions.length < named.length || /@_all\b/.test(text(message['content'])),
    resources: [],
    ...optionalText('rootId', message['root_id']),
    ...optionalText('parentId', message['parent_id']),
    ...optionalText('threadId', message['thread_id']),
  }
}

function readContent(content: unknown): Fields {
  try {
    const parsed = parseJson(text(content))
    return Array.isArray(parsed) ? {} : asObject(parsed)
  } catch {
    return {}
  }
}

function readMentions(mentions: unknown): Mention[] {
  if (!Array.isArray(mentions)) return []
  return mentions.map((item: unknown) => {
    const mention = asObject(item)
    const id = asObject(mention['id'])
    return {
      key: text(mention['key']),
      name: text(mention['name']),
      ...optionalText('openId', id['open_id']),
      ...optionalText('userId', id['user_id']),
      isBot: mention['mentioned_type'] === 'bot',
    }
  })
}
