import type { EventBase } from './event-base.ts'

/** A chat message for a handler. */
export interface InboundMessage extends EventBase {
  readonly kind: 'message'
  readonly messageId: string
  readonly chatId: string
  readonly chatType: 'p2p' | 'group'
  /** Feishu's message_type: text, post, image, file, ... */
  readonly messageType: string
  /**
   * The message as text, for every message type: mentions by name, a rich text as Markdown, an image as
   * `![image](key)`, a file as `<file key="..." name="..."/>`.
   */
  readonly text: string
  /** Feishu's content, parsed from its JSON string. `{}` if it could not be parsed. */
  readonly content: Readonly<Record<string, unknown>>
  /** `app`: another bot wrote the message. */
  readonly senderType: 'user' | 'app'
  /** Empty if an app wrote the message. */
  readonly senderOpenId: string
  /** Users and bots mentioned in the message, in the order of the text, without `@all`. */
  readonly mentions: readonly Mention[]
  /** This bot is mentioned. Until the bot's open id is known (its first seconds), true if any bot is mentioned. */
  readonly isBotMentioned: boolean
  readonly isAllMentioned: boolean
  /** Images, files, audio and stickers of the message, for download with their keys. */
  readonly resources: readonly MessageResource[]
  /** First message of the reply chain. Absent if the message is no reply. */
  readonly rootId?: string
  /** The message that this one replies to. */
  readonly parentId?: string
  /** The topic of the message. */
  readonly threadId?: string
  /** Why the message could not be rendered. `text` is then the plain text of a text message or post, else empty. */
  readonly renderError?: string
}

export interface Mention {
  /** Placeholder in Feishu's content, e.g. `@_user_1`. */
  readonly key: string
  readonly name: string
  /** Absent for users whose id the app is not allowed to see. */
  readonly openId?: string
  readonly userId?: string
  readonly isBot: boolean
}

export interface MessageResource {
  readonly type: 'image' | 'file' | 'audio' | 'video' | 'sticker'
  readonly fileKey: string
  readonly fileName?: string
  readonly durationMs?: number
  /** The key of a video's preview image. */
  readonly coverImageKey?: string
}
