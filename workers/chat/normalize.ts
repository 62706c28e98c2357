import { normalize } from '@larksuiteoapi/node-sdk'
import { asObject } from '../../src/core/as-object.ts'
import { errorText } from '../../src/core/errors.ts'
import type { InboundMessage, MessageResource } from '../../src/protocol/model/inbound-message.ts'

/** A reason is shown to whoever wonders about an empty text; it may quote the message. */
const MAX_REASON_CHARS = 200

type RawMessage = Parameters<typeof normalize>[0]

/**
 * Renders a message of any type as text with the SDK's own function, which is pure as long as it is
 * given no way to fetch: forwarded messages and senders' names are not looked up. Never rejects: a
 * message the SDK cannot render goes on as it is, with the reason.
 */
export async function normalizeMessage(message: InboundMessage): Promise<InboundMessage> {
  try {
    const { content, resources } = await normalize(toSdkEvent(message), {
      // Which of the mentioned bots is this one is not known here, so nothing is stripped.
      botIdentity: { openId: '', name: '' },
      stripBotMentions: false,
    })
    if (typeof content !== 'string') throw new TypeError('the text of the message is no string')
    return { ...message, text: content, resources: resources.flatMap(toResource) }
  } catch (thrown) {
    return { ...message, renderError: errorText(thrown).slice(0, MAX_REASON_CHARS) }
  }
}

/** Only what rendering needs, so that what Feishu leaves out for some senders does not fail it. */
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
      // An empty one would match everywhere.
      .filter(({ key }) => key !== '')
      // Longest first: the SDK replaces them one after the other, and `@_user_1` would match in `@_user_10`.
      .toSorted((a, b) => b.key.length - a.key.length)
  )
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** Keys come from the message's content unchecked. */
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
