import type { StreamFrame } from '../protocol/chat.ts'
import type { ReplyPart } from '../protocol/model/message.ts'
import { readStream } from './read-stream.ts'
import type { StreamOptions } from './reply.ts'
import { toReplyPart } from './to-reply-part.ts'

/** A handler that answers one message this often is in a loop. */
const MAX_PARTS = 100

/** Bytes of all uploads of one run: they travel between threads and into the database. */
const MAX_UPLOADED_BYTES = 30 * 1024 * 1024

export interface ReplyBufferOptions {
  /** False when it is not known whom a reply would go to. */
  readonly canReply: boolean
  /** The event is a message, which may have a thread. */
  readonly canThread: boolean
  readonly signal: AbortSignal
  /** Told of a streamed answer while it is made. */
  readonly onFrame: (frame: StreamFrame) => void
}

/** The replies of one run, until it ends. Its errors are for the author of the handler. */
export class ReplyBuffer {
  readonly #options: ReplyBufferOptions
  /** In the order of the calls; what is still being read has no parts yet. */
  readonly #slots: (readonly ReplyPart[])[] = []
  readonly #pending = new Set<Promise<unknown>>()
  #uploadedBytes = 0
  #streamCount = 0
  #isClosed = false

  constructor(options: ReplyBufferOptions) {
    this.#options = options
  }

  reply(reply: unknown): Promise<void> {
    return this.#add('ctx.reply', async () => {
      const part = await toReplyPart(reply, this.#options.canThread)
      this.#uploadedBytes += part.bytes?.length ?? 0
      if (this.#uploadedBytes > MAX_UPLOADED_BYTES) {
        throw new RangeError(
          `${part.msgType}: the uploads of one run have at most ${MAX_UPLOADED_BYTES} bytes together`,
        )
      }
      return [part]
    })
  }

  stream(source: AsyncIterable<string>, options: StreamOptions = {}): Promise<void> {
    return this.#add('ctx.stream', (fill) => {
      const stream = this.#streamCount++
      return readStream(source, options, { ...this.#options, stream }, fill)
    })
  }

  /** Takes the replies once all that was begun is done. */
  async take(): Promise<readonly ReplyPart[]> {
    while (this.#pending.size > 0) await Promise.all(this.#pending)
    this.close()
    return this.#slots.flat()
  }

  /** Nothing can be added any more. */
  close(): void {
    this.#isClosed = true
  }

  async #add(
    name: string,
    run: (fill: (parts: readonly ReplyPart[]) => void) => Promise<readonly ReplyPart[] | void>,
  ): Promise<void> {
    if (this.#isClosed) throw new Error(`${name} was called after the handler had ended; await it inside the handler`)
    if (!this.#options.canReply) {
      throw new Error('there is nobody to reply to: the event names neither a chat nor a user')
    }
    if (this.#slots.length >= MAX_PARTS) throw new RangeError(`a message has at most ${MAX_PARTS} replies`)
    const slot = this.#slots.push([]) - 1
    const fill = (parts: readonly ReplyPart[]): void => {
      this.#slots[slot] = parts
    }
    const running = run(fill)
    this.#pending.add(running)
    try {
      const parts = await running
      if (parts !== undefined) fill(parts)
    } finally {
      this.#pending.delete(running)
    }
  }
}
