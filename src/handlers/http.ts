import { createHmac } from 'node:crypto'
import { asObject } from '../core/as-object.ts'
import type { HttpHandlerOptions } from '../protocol/options/built-in-handlers.ts'
import type { InboundEvent } from '../protocol/model/inbound-event.ts'
import { backendReply } from './backend-reply.ts'
import type { AnyHandler, ChatContext } from './define-handler.ts'
import { HandlerError } from './handler-error.ts'
import type { HandlerTable } from './handler-table.ts'
import type { Post } from './post.ts'
import { isEventStream, serverSentEvents } from './server-sent-events.ts'

type Answer = Awaited<ReturnType<Post>>

const FIELDS: readonly string[] = ['reply', 'replies', 'toast', 'card']

/**
 * Handler that posts `{ attempt, event, history? }` to a backend and sends the backend's answer as replies. Valid
 * answers: JSON with `reply` or `replies` (and `toast` or `card` for a card action), a stream of texts as server-sent
 * events, or an empty body.
 */
export function httpHandler(options: HttpHandlerOptions, post: Post): HandlerTable {
  const handler: AnyHandler = async (event, ctx) => {
    const body = JSON.stringify({
      attempt: ctx.attempt,
      event,
      ...(options.history === 0 ? {} : { history: await ctx.history(options.history) }),
    })
    const { url, timeoutMs } = options
    const headers = { ...options.headers, ...credentials(options, event, body, ctx) }
    const answer = await post({ url, headers, body, timeoutMs, signal: ctx.signal })
    if (isEventStream(answer)) return await ctx.stream(textsOf(answer))
    return await replyAll(answer, ctx)
  }
  return new Map(options.events.map((kind) => [kind, handler]))
}

/** Headers that authenticate a request. The id is the same in all runs of an event, so that a backend can detect a repetition. */
function credentials(
  { apiKey, signingSecret }: HttpHandlerOptions,
  event: InboundEvent,
  body: string,
  ctx: ChatContext,
): Record<string, string> {
  const { messageId } = { messageId: undefined, ...event } as { messageId?: string }
  const id = `${event.botId}.${messageId ?? event.eventId}`
  const timestamp = String(Math.floor(Date.now() / 1_000))
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    ...(apiKey === undefined ? {} : { authorization: `Bearer ${ctx.secret(apiKey)}` }),
    ...(signingSecret === undefined
      ? {}
      : { 'webhook-signature': signature(ctx.secret(signingSecret), `${id}.${timestamp}.${body}`) }),
  }
}

/** Signature by Standard Webhooks (standardwebhooks.com). */
function signature(secret: string, signed: string): string {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  return `v1,${createHmac('sha256', key).update(signed).digest('base64')}`
}

async function* textsOf(answer: Answer): AsyncGenerator<string> {
  for await (const { name, data } of serverSentEvents(answer)) {
    if (name === 'error') throw new HandlerError(`the backend ended the stream with an error: ${data}`)
    const { text } = asObject(parsed(data))
    if (typeof text !== 'string')
      throw new HandlerError('an event of the stream has wrong data: expected {"text": "…"}', { retryable: false })
    yield text
  }
}

/** Sends the replies of a JSON answer. Returns the toast or card to show, the return value of a card handler. */
async function replyAll(answer: Answer, ctx: ChatContext): Promise<unknown> {
  const text = await answer.text()
  if (text.trim() === '') return undefined
  const body = parsed(text)
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new HandlerError('the answer of the backend is wrong: expected a JSON object or text/event-stream', {
      retryable: false,
    })
  }
  const unknown = Object.keys(body).filter((field) => !FIELDS.includes(field))
  if (unknown.length > 0) {
    throw new HandlerError(`the backend answered with ${unknown.join(', ')}; known fields are ${FIELDS.join(', ')}`, {
      retryable: false,
    })
  }
  const { reply, replies, ...response } = body as { reply?: unknown; replies?: unknown }
  if (!Array.isArray(replies ?? [])) {
    throw new HandlerError('replies: the backend answered with something else than a list', { retryable: false })
  }
  // All are checked before the first is sent: a wrong one sends none.
  const all = [reply, ...((replies ?? []) as unknown[])].filter((one) => one !== null && one !== undefined)
  for (const one of all.map(backendReply)) await ctx.reply(one as never)
  return Object.keys(response).length === 0 ? undefined : response
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
