import { accepted, type ApiResult, type CallBody, refused } from '../shared/api-result.ts'

const MAX_UUID_LENGTH = 50
/** Largest content, bytes: 150 KB for a text, 30 KB for cards and posts. [D] */
const MAX_TEXT_BYTES = 150 * 1024
const MAX_RICH_BYTES = 30 * 1024

const MSG_TYPES = new Set(
  'text post image file audio media sticker interactive share_chat share_user system'.split(' '),
)

/** A message that an app posts. */
export interface PostedMessage {
  readonly msgType: string
  /** Content as JSON text. */
  readonly content: string
  readonly uuid?: string
  /** True: the reply opens a topic below the answered message. */
  readonly isInThread: boolean
}

/** Reads a post. 230001 for an invalid type or content, 230025 for too long content, 99992402 for a uuid above 50 characters. [D] */
export function readPost(body: CallBody): ApiResult<PostedMessage> {
  const { msg_type: msgType, uuid } = body
  if (typeof msgType !== 'string' || !MSG_TYPES.has(msgType)) return refused(230001, 'invalid msg_type')
  const content = readContent(msgType, body['content'])
  if (!content.ok) return content
  if (uuid !== undefined && (typeof uuid !== 'string' || uuid.length > MAX_UUID_LENGTH)) {
    return refused(99992402, `field validation failed: uuid has more than ${MAX_UUID_LENGTH} characters`)
  }
  return accepted({
    msgType,
    content: content.data,
    isInThread: body['reply_in_thread'] === true,
    ...(uuid !== undefined && uuid !== '' && { uuid }),
  })
}

/** Reads content. 230001 for content that is not JSON in a string, 230025 for too long content. [D] */
export function readContent(msgType: string, content: unknown): ApiResult<string> {
  if (!isJsonText(content)) return refused(230001, 'content is not a string in json format')
  if (Buffer.byteLength(content) > (msgType === 'text' ? MAX_TEXT_BYTES : MAX_RICH_BYTES)) {
    return refused(230025, 'the length of the message content reaches its limit')
  }
  return accepted(content)
}

function isJsonText(content: unknown): content is string {
  if (typeof content !== 'string') return false
  try {
    JSON.parse(content)
    return true
  } catch {
    return false
  }
}
