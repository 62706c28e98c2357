import type { ReplyPart } from '../protocol/message.ts'
import { markdownCard, toMarkdownPart } from './markdown.ts'
import type { StreamOptions } from './reply.ts'
import { splitMarkdown } from './split-markdown.ts'
import { isInThread } from './to-reply-part.ts'

/** Of 30 KB [D] for a card, less what streaming adds. */
const MAX_CARD_BYTES = 29 * 1024

export interface StreamContext {
  readonly canThread: boolean
  readonly signal: AbortSignal
}

/**
 * Reads a streamed answer to its end, which becomes a card, and further messages for what does not fit into one.
 * What came before the source failed or the time was over is filled in too, and the failure passed on.
 */
export async function readStream(
  source: AsyncIterable<string>,
  options: StreamOptions,
  { canThread, signal }: StreamContext,
  fill: (parts: readonly ReplyPart[]) => void,
): Promise<void> {
  const { title, placeholder = '' } = options
  if (typeof (source as Partial<typeof source> | undefined)?.[Symbol.asyncIterator] !== 'function') {
    throw new TypeError('ctx.stream takes an AsyncIterable of texts, e.g. an async generator')
  }
  const delivery = isInThread(options, canThread) ? ({ inThread: true } as const) : undefined
  const fits = (piece: string): boolean => cardSize(piece, title) <= MAX_CARD_BYTES
  if (typeof placeholder !== 'string' || !fits(placeholder)) {
    throw new TypeError('placeholder: expected a text that fits into a card')
  }
  let text = ''
  try {
    for await (const chunk of untilAborted(source, signal)) text += checked(chunk)
  } finally {
    const [first, ...others] = splitMarkdown(text === '' ? placeholder : text, fits)
    const parts: ReplyPart[] =
      first === undefined
        ? []
        : [
            { msgType: 'interactive', content: JSON.stringify(markdownCard({ text: first, title })) },
            ...others.map((piece) => toMarkdownPart({ text: piece })),
          ]
    fill(delivery === undefined ? parts : parts.map((part) => ({ ...part, delivery })))
  }
}

function cardSize(text: string, title: string | undefined): number {
  return Buffer.byteLength(JSON.stringify(markdownCard({ text, title })))
}

function checked(chunk: unknown): string {
  if (typeof chunk === 'string') return chunk
  throw new TypeError('ctx.stream: the source gave something that is no text')
}

/** The source may wait for ever; the author's own cleanup runs when it ends at last. */
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
