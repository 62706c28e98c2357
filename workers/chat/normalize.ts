import { normalize } from '@larksuiteoapi/node-sdk'
import { asObject } from '../../src/core/as-object.ts'
import { errorText } from '../../src/core/errors.ts'
import type { InboundMessage, MessageResource } from '../../src/protocol/model/inbound-message.ts'

/** Longest `renderError`. The reason explains an empty text and may quote the message. */
const MAX_REASON_CHARS = 200

type RawMessage = Parameters<typeof normalize>[0]

/**
 * Renders a message of any type as text with the SDK's own function. Without a fetch function it is pure: forwarded
 * messages and senders' names are not looked up. Never rejects: a message that the SDK cannot render stays as it is,
 * with `renderError`.
 */
export async function normalizeMessage(message: InboundMessage): Promise<InboundMessage> {
  try {
    const { content, resources } = await normalize(toSdkEvent(message), {
      // This thread does not know which mentioned bot is this one, so no mention is stripped.
      botIdentity: { openId: '', name: '' },
      stripBotMentions: false,
    })
    if (typeof content !== 'string') throw new TypeError('the text of the message is no string')
    return { ...message, text: content, resources: resources.flatMap(toResource) }
  } catch (thrown) {
    return { ...message, renderError: errorText(thrown).slice(0, MAX_REASON_CHARS) }
  }
}

/** Copies only the fields that rendering needs, so that fields that Feishu omits for some senders cannot make it fail. */
function toSdkEvent(message: InboundMessage): RawMessage {
  const { content, mentions } = asObject(message.raw['message'])
  return {
    sender: { sender_id: {} },
    message: {
      message_id: message.messageId,
      chat_id: message.chatId,
      chat_type: message.chatType,
      message_type: message.messageType,
      content: text(content),
      mentions: Array.isArray(mentions) ? toSdkMentions(mentions) : [],
    },
  }
}

function toSdkMentions(mentions: readonly unknown[]): NonNullable<RawMessage['message']['mentions']> {
  return (
    mentions
      .map(asObject)
      .map(({ key, name, id }) => ({
        key: text(key),
        name: text(name),
        id: { open_id: text(asObject(id)['open_id']) },
      }))
      // An empty key would match everywhere.
      .filter(({ key }) => key !== '')
      // Longest key first: the SDK replaces one key after the other, and `@_user_1` would match in `@_user_10`.
      .toSorted((a, b) => b.key.length - a.key.length)
  )
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** Checks the types: keys come from the message's content unchecked. */
function toResource(resource: Awaited<ReturnType<typeof normalize>>['resources'][number]): MessageResource[] {
  const { type, fileKey, fileName, durationMs, coverImageKey } = resource
  if (typeof fileKey !== 'string') return []
  return [
    {
      type,
      fileKey,
      ...(typeof fileName === 'string' && { fileName }),
      ...(typeof durationMs === 'number' && { durationMs }),
      ...(typeof coverImageKey === 'string' && { coverImageKey }),
    },
  ]
}
