import { asObject } from '../core/as-object.ts'
import { errorText } from '../core/errors.ts'
import type { InboundMessage } from '../protocol/message.ts'

export const MESSAGE_EVENT_TYPE = 'im.message.receive_v1'

export type ParsedMessage =
  | { readonly kind: 'message'; readonly message: InboundMessage }
  /** The event can never be handled; `reason` names the field. */
  | { readonly kind: 'bad'; readonly reason: string }

/**
 * Reads the stored envelope of an `im.message.receive_v1` event. Only the ids are required: what
 * Feishu leaves out for some senders and types becomes empty. `arrivedAt` stands in for a missing time.
 */
export function toInboundMessage(botId: string, payload: string, arrivedAt: number): ParsedMessage {
  let envelope: unknown
  try {
    envelope = parseJson(payload)
  } catch (error) {
    return { kind: 'bad', reason: `the payload cannot be read: ${errorText(error)}` }
  }
  const event = asObject(asObject(envelope)['event'])
  const message = asObject(event['message'])
  const messageId = text(message['message_id'])
  const chatId = text(message['chat_id'])
  const messageType = text(message['message_type'])
  if (messageId === '') return { kind: 'bad', reason: 'event.message.message_id is missing' }
  if (chatId === '') return { kind: 'bad', reason: 'event.message.chat_id is missing' }
  if (messageType === '') return { kind: 'bad', reason: 'event.message.message_type is missing' }

  const content = readContent(message['content'])
  return {
    kind: 'message',
    message: {
      botId,
      messageId,
      chatId,
      chatType: message['chat_type'] === 'p2p' ? 'p2p' : 'group',
      messageType,
      text: messageType === 'text' ? text(content['text']) : '',
      content,
      senderOpenId: text(asObject(asObject(event['sender'])['sender_id'])['open_id']),
      createdAt: instant(message['create_time']) ?? arrivedAt,
    },
  }
}

function readContent(content: unknown): Readonly<Record<string, unknown>> {
  try {
    const parsed = parseJson(text(content))
    return Array.isArray(parsed) ? {} : asObject(parsed)
  } catch {
    return {}
  }
}

/** Without the key `__proto__`: as plain data it is harmless, but not to code that copies it key by key. */
function parseJson(json: string): unknown {
  return JSON.parse(json, (key, value: unknown) => (key === '__proto__' ? undefined : value))
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** Feishu writes milliseconds as a decimal string. */
function instant(value: unknown): number | undefined {
  const at = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : 0
  return at > 0 ? at : undefined
}
