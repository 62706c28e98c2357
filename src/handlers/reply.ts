/** Argument of `ctx.reply` besides a text: an object with exactly one of `text`, `markdown`, `post`, `card`, `image` and `file`. */
export type Reply = TextReply | MarkdownReply | PostReply | CardReply | ImageReply | FileReply

export interface ReplyOptions {
  /** Answers in the message's thread, and opens a thread if there is none. Ignored in a chat without threads. Allowed only for messages. Default false. */
  readonly inThread?: boolean
}

export interface MentionOptions {
  /** Open ids of users, or `all`. The mentions stand in front of the text. */
  readonly mentions?: readonly string[]
}

/** Text message, at most 150 KB as JSON. [D] `<at user_id="ou_..."></at>` inside the text mentions a user. */
export interface TextReply extends ReplyOptions, MentionOptions {
  readonly text: string
}

/**
 * Markdown, at most 30 KB as JSON. [D] Sent as a post, which can be quoted and copied. Sent as a card if it has a table,
 * because posts show no tables. `<at user_id="ou_..."></at>` mentions a user.
 */
export interface MarkdownReply extends ReplyOptions, MentionOptions {
  readonly markdown: string
  /** Title above the text. Default: none. */
  readonly title?: string
}

/** Feishu's rich text, at most 30 KB [D]: lines of elements, or the same per language (`{ zh_cn: { title, content }, en_us: ... }`). */
export interface PostReply extends ReplyOptions, MentionOptions {
  readonly post: PostBody | { readonly [language: string]: PostBody }
}

export interface PostBody {
  readonly title?: string
  /** Lines of elements, e.g. `[[{ tag: 'text', text: 'see ' }, { tag: 'a', text: 'this', href: 'https://...' }]]`. */
  readonly content: readonly (readonly PostElement[])[]
}

export interface PostElement {
  readonly tag: string
  readonly [field: string]: unknown
}

/** JSON of a card, or `{ type: 'template', data: { template_id, template_variable } }`, at most 30 KB. [D] Its actions go to `cardAction`. */
export interface CardReply extends ReplyOptions {
  readonly card: object
}

/** Image, at most 10 MB. */
export interface ImageReply extends ReplyOptions {
  readonly image: Upload
}

/** File, at most 30 MB. */
export interface FileReply extends ReplyOptions {
  readonly file: Upload
  /** File name shown to the user. Default: the name in the path. Required for bytes. */
  readonly name?: string
}

/** Bytes, the path of a file, or the key of an earlier upload. The bytes are read and kept when `ctx.reply` is called. */
export type Upload = Uint8Array | string | { readonly key: string }

export interface StreamOptions extends ReplyOptions {
  /** Text shown until the first piece of the answer comes. Default: nothing is shown before. */
  readonly placeholder?: string
  /** Title above the text. Default: none. */
  readonly title?: string
}
