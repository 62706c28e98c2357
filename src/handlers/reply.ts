/** What `ctx.reply` takes besides a text: an object with exactly one of `text`, `markdown`, `post`, `card`, `image` and `file`. */
export type Reply = TextReply | MarkdownReply | PostReply | CardReply | ImageReply | FileReply

export interface ReplyOptions {
  /** Answers in the message's thread, and opens one if there is none; without it where the chat has no threads. Only a message can be answered so. Default false. */
  readonly inThread?: boolean
}

export interface MentionOptions {
  /** Open ids of users, or `all`; they are named in front of the text. */
  readonly mentions?: readonly string[]
}

/** At most 150 KB as JSON. [D] `<at user_id="ou_..."></at>` inside the text mentions a user there. */
export interface TextReply extends ReplyOptions, MentionOptions {
  readonly text: string
}

/**
 * Becomes a post, which can be quoted and copied; with a table a card, because posts show none. At most 30 KB as JSON. [D]
 * `<at user_id="ou_..."></at>` mentions a user.
 */
export interface MarkdownReply extends ReplyOptions, MentionOptions {
  readonly markdown: string
  /** Above the text. */
  readonly title?: string
}

/** Rich text as Feishu has it: lines of elements, or the same by language (`{ zh_cn: { title, content }, en_us: ... }`). At most 30 KB. [D] */
export interface PostReply extends ReplyOptions, MentionOptions {
  readonly post: PostBody | { readonly [language: string]: PostBody }
}

export interface PostBody {
  readonly title?: string
  /** E.g. `[[{ tag: 'text', text: 'see ' }, { tag: 'a', text: 'this', href: 'https://...' }]]`. */
  readonly content: readonly (readonly PostElement[])[]
}

export interface PostElement {
  readonly tag: string
  readonly [field: string]: unknown
}

/** A card's JSON, or `{ type: 'template', data: { template_id, template_variable } }`. At most 30 KB. [D] Presses on it come to `cardAction`. */
export interface CardReply extends ReplyOptions {
  readonly card: object
}

/** At most 10 MB. */
export interface ImageReply extends ReplyOptions {
  readonly image: Upload
}

/** At most 30 MB. */
export interface FileReply extends ReplyOptions {
  readonly file: Upload
  /** Shown to the user. Default: the name in the path; bytes need one. */
  readonly name?: string
}

/** Bytes, the path of a file, or the key of what was uploaded before. They are read and kept when `ctx.reply` is called. */
export type Upload = Uint8Array | string | { readonly key: string }

export interface StreamOptions extends ReplyOptions {
  /** Shown until the first text comes. Default: nothing is shown before it. */
  readonly placeholder?: string
  /** Above the text. */
  readonly title?: string
}
