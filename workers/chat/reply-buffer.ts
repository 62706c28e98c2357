import type { ReplyPart } from '../../src/protocol/message.ts'

/** Feishu refuses a text message above 150 KB; the rest is room for the JSON around it. */
const MAX_TEXT_BYTES = 140_000

/** A handler that answers one message this often is in a loop. */
const MAX_PARTS = 100

/** The replies of one run, until it ends. */
export class ReplyBuffer {
  readonly #parts: ReplyPart[] = []
  readonly #canReply: boolean
  #isClosed = false

  constructor(canReply: boolean) {
    this.#canReply = canReply
  }

  /** Throws what the author of the handler should read. */
  add(text: unknown): void {
    if (this.#isClosed) throw new Error('ctx.reply was called after the handler had ended; await it inside the handler')
    if (!this.#canReply) throw new Error('there is nobody to reply to: the event names neither a chat nor a user')
    if (typeof text !== 'string' || text === '') throw new TypeError('ctx.reply takes a text that is not empty')
    if (Buffer.byteLength(text) > MAX_TEXT_BYTES) throw new RangeError(`a reply has at most ${MAX_TEXT_BYTES} bytes`)
    if (this.#parts.length >= MAX_PARTS) throw new RangeError(`a message has at most ${MAX_PARTS} replies`)
    this.#parts.push({ msgType: 'text', content: JSON.stringify({ text }) })
  }

  /** Takes the replies; nothing can be added any more. */
  close(): readonly ReplyPart[] {
    this.#isClosed = true
    return this.#parts
  }
}
