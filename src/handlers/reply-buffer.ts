import type { StreamFrame } from '../protocol/chat.ts'
import type { ReplyPart } from '../protocol/model/message.ts'
import { readStream } from './read-stream.ts'
import type { StreamOptions } from './reply.ts'
import { toReplyPart } from './to-reply-part.ts'

/** Most replies of one run. A handler above it is in a loop. */
const MAX_PARTS = 100

/** Most bytes of all uploads of one run: they cross threads and go into the database. */
const MAX_UPLOADED_BYTES = 30 * 1024 * 1024

export interface ReplyBufferOptions {
  /** False if the receiver of a reply is unknown. */
  readonly canReply: boolean
  /** The event is a message, which may have a thread. */
  readonly canThread: boolean
  readonly signal: AbortSignal
  /** Receives the present content of a streamed answer. */
  readonly onFrame: (frame: StreamFrame) => void
}

/** Collects the replies of one run until it ends. The errors are for the author of the handler. */
export class ReplyBuffer {
  readonly #options: ReplyBufferOptions
  /** Parts by call, in the order of the calls. A call that still reads its source has no parts. */
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
          `${part.msgType}: the uploads of one run have more than ${MAX_UPLOADED_BYTES} bytes together`,
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

  /** Waits for all pending calls, closes the buffer and returns the replies. */
  async take(): Promise<readonly ReplyPart[]> {
    while (this.#pending.size > 0) await Promise.all(this.#pending)
    this.close()
    return this.#slots.flat()
  }

  /** Refuses all later calls. */
  close(): void {
    this.#isClosed = true
  }

  async #add(
    name: string,
    run: (fill: (parts: readonly ReplyPart[]) => void) => Promise<readonly ReplyPart[] | void>,
  ): Promise<void> {
    if (this.#isClosed) throw new Error(`${name} was called after the handler had ended: await it inside the handler`)
    if (!this.#options.canReply) {
      throw new Error('a reply is not possible: the event names no chat and no user')
    }
    if (this.#slots.length >= MAX_PARTS)
      throw new RangeError(`the run has more than ${MAX_PARTS} replies: look for a loop in the handler`)
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
