import { EventSourceParserStream } from 'eventsource-parser/stream'
import type { Response } from 'undici'
import { HandlerError } from './handler-error.ts'
import { causeOf } from './post.ts'

/** Data that ends a stream of some backends, e.g. OpenAI's. */
const DONE = '[DONE]'

/** Yields the events of an answer until its end. Throws a retryable `HandlerError` if the answer breaks off. */
export async function* serverSentEvents(
  answer: Response,
): AsyncGenerator<{ readonly name: string; readonly data: string }> {
  const body = answer.body as ReadableStream<Uint8Array> | null
  if (body === null) return
  const events = body.pipeThrough(new TextDecoderStream() as never).pipeThrough(new EventSourceParserStream())
  try {
    for await (const { event = 'message', data } of events as AsyncIterable<{ event?: string; data: string }>) {
      if (data === DONE) return
      yield { name: event, data }
    }
  } catch (thrown) {
    throw new HandlerError(`the answer broke off: ${causeOf(thrown)}`)
  }
}

export function isEventStream(answer: Response): boolean {
  return (answer.headers.get('content-type') ?? '').startsWith('text/event-stream')
}
