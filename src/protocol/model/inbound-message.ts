import type { EventBase } from './event-base.ts'

/** A chat message as a handler sees it. */
export interface InboundMessage extends EventBase {
  readonly kind: 'message'
  readonly messageId: string
  readonly chatId: string
  readonly chatType: 'p2p' | 'group'
  /** Feishu's message_type: text, post, image, file, ... */
  readonly messageType: string
  /**
   * The message as text, whatever its type: mentions by name, a rich text as Markdown, an image as
   * `![image](key)`, a file as `<file key="..." name="..."/>`.
   */
  readonly text: string
  /** Feishu's content, parsed from its JSON string; `{}` if it could not be parsed. */
  readonly content: Readonly<Record<string, unknown>>
  /** `app`: another bot wrote it. */
  readonly senderType: 'user' | 'app'
  /** Empty if an app wrote it. */
  readonly senderOpenId: string
  /** Who is named in the message, in the order of the text; `@all` is not among them. */
  readonly mentions: readonly Mention[]
  /** This bot is mentioned; before it has learnt its own open id, in its first seconds: any bot is. */
  readonly isBotMentioned: boolean
  readonly isAllMentioned: boolean
  /** Images, files, audio and stickers of the message, to be downloaded with their keys. */
  readonly resources: readonly MessageResource[]
  /** First message of the reply chain, if it is a reply. */
  readonly rootId?: string
  /** The message it replies to. */
  readonly parentId?: string
  /** The topic it belongs to. */
  readonly threadId?: string
  /** Why the message could not be rendered: `text` is then the bare text of a text message or post, else empty. */
  readonly renderError?: string
}

export interface Mention {
  /** Its placeholder in Feishu's content, e.g. `@_user_1`. */
  readonly key: string
  readonly name: string
  /** Absent for users of whom the app may know nothing. */
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
