import { markdownCard } from '../protocol/model/markdown-card.ts'
import type { StreamFrame } from '../protocol/chat.ts'
import type { Delivery, ReplyPart } from '../protocol/model/message.ts'
import { toMarkdownPart } from './markdown.ts'
import type { StreamOptions } from './reply.ts'
import { splitMarkdown } from './split-markdown.ts'
import { isInThread } from './to-reply-part.ts'

/** Largest card: Feishu's 30 KB [D] less the part that streaming adds. */
const MAX_CARD_BYTES = 29 * 1024

/** Pause between two frames. The rate of updates at Feishu is decided elsewhere. */
const FRAME_MS = 100

export interface StreamContext {
  /** Number of the stream within the run. */
  readonly stream: number
  readonly canThread: boolean
  readonly signal: AbortSignal
  readonly onFrame: (frame: StreamFrame) => void
}

/**
 * Reads a streamed answer to its end. The text becomes a card; text that does not fit becomes further messages. If the
 * source fails or the time is over, the text so far is filled in too and the error is thrown.
 */
export async function readStream(
  source: AsyncIterable<string>,
  options: StreamOptions,
  { stream, canThread, signal, onFrame }: StreamContext,
  fill: (parts: readonly ReplyPart[]) => void,
): Promise<void> {
  if (typeof (source as Partial<typeof source> | undefined)?.[Symbol.asyncIterator] !== 'function') {
    throw new TypeError('ctx.stream expects an AsyncIterable of texts, e.g. an async generator')
  }
  const { title, placeholder } = checked(options)
  const thread = isInThread(options, canThread) ? ({ inThread: true } as const) : {}
  const fits = (piece: string): boolean => {
    return Buffer.byteLength(JSON.stringify(markdownCard({ text: piece, title }))) <= MAX_CARD_BYTES
  }
  if (!fits(placeholder)) throw new RangeError('placeholder: too long for a card')

  let text = ''
  let timer: NodeJS.Timeout | undefined
  const pieces = (): string[] => splitMarkdown(text === '' ? placeholder : text, fits)
  const show = (): void => {
    timer = undefined
    const [first] = pieces()
    if (first !== undefined) onFrame({ stream, text: first, ...(title === undefined ? {} : { title }), ...thread })
  }
  try {
    show()
    for await (const chunk of untilAborted(source, signal)) {
      if (typeof chunk !== 'string') throw new TypeError('ctx.stream: the source yielded a value that is no text')
      text += chunk
      timer ??= setTimeout(show, FRAME_MS)
    }
  } finally {
    clearTimeout(timer)
    show()
    fill(toParts(pieces(), title, { ...thread, stream }))
  }
}

/** Builds the messages. The first piece is the card that was streamed. */
function toParts(pieces: readonly string[], title: string | undefined, delivery: Delivery): ReplyPart[] {
  const { stream: _stream, ...others } = delivery
  return pieces.map((text, index) =>
    index === 0
      ? { msgType: 'interactive', content: JSON.stringify(markdownCard({ text, title })), delivery }
      : { ...toMarkdownPart({ text }), delivery: others },
  )
}

function checked({ title, placeholder = '', inThread: _inThread, ...unknown }: StreamOptions): {
  readonly title: string | undefined
  readonly placeholder: string
} {
  for (const [name, value] of Object.entries({ title, placeholder })) {
    if (value !== undefined && typeof value !== 'string') throw new TypeError(`${name}: expected a text`)
  }
  const [name] = Object.keys(unknown)
  if (name !== undefined) throw new TypeError(`${name}: ctx.stream has no such option`)
  return { title, placeholder }
}

/** Yields until the source ends or `signal` aborts. A source may wait forever; its cleanup runs when it ends. */
async function* untilAborted(source: AsyncIterable<string>, signal: AbortSignal): AsyncGenerator {
  const iterator = source[Symbol.asyncIterator]()
  const aborted = new Promise<never>((_resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error)
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
  })
  aborted.catch(() => {})
  let isDone = false
  try {
    for (;;) {
      const { done, value } = await Promise.race([iterator.next(), aborted])
      isDone = done ?? false
      if (isDone) return
      yield value
    }
  } finally {
    if (!isDone) void Promise.resolve(iterator.return?.()).catch(() => {})
  }
}
