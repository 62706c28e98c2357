import { asObject } from '../core/as-object.ts'
import type { OpenAiHandlerOptions } from '../protocol/options/built-in-handlers.ts'
import type { InboundMessage } from '../protocol/model/inbound-message.ts'
import type { ChatContext } from './define-handler.ts'
import { HandlerError } from './handler-error.ts'
import { type HandlerTable, toHandlerTable } from './handler-table.ts'
import type { Post } from './post.ts'
import { isEventStream, serverSentEvents } from './server-sent-events.ts'

type Answer = Awaited<ReturnType<Post>>

interface Turn {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

/** Handler that asks a language model, with past messages of the chat. The answer is streamed. */
export function openAiHandler(options: OpenAiHandlerOptions, post: Post): HandlerTable {
  return toHandlerTable(async (message: InboundMessage, ctx: ChatContext) => {
    const { baseUrl, model, apiKey, temperature, maxTokens, timeoutMs } = options
    const body = JSON.stringify({
      model,
      messages: await turns(message, options, ctx),
      stream: true,
      ...(temperature === undefined ? {} : { temperature }),
      ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
    })
    const headers = {
      ...options.headers,
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${ctx.secret(apiKey)}` }),
    }
    const url = `${baseUrl.replace(/\/+$/, '')}/chat/completions`
    const answer = await post({ url, headers, body, timeoutMs, signal: ctx.signal })
    await ctx.stream(textsOf(answer))
  })
}

/** Builds the messages for the model. Empty ones are left out: they carry nothing, and some models refuse them. */
async function turns(
  message: InboundMessage,
  { system, history }: OpenAiHandlerOptions,
  ctx: ChatContext,
): Promise<Turn[]> {
  const past = history === 0 ? [] : await ctx.history(history)
  const all: Turn[] = [
    ...(system === undefined ? [] : [{ role: 'system', content: system } as const]),
    ...past.map(({ isOwn, text }): Turn => ({ role: isOwn ? 'assistant' : 'user', content: text })),
    { role: 'user', content: message.text },
  ]
  return all.filter(({ content }) => content.trim() !== '')
}

async function* textsOf(answer: Answer): AsyncGenerator<string> {
  let isEmpty = true
  for await (const text of isEventStream(answer) ? streamed(answer) : whole(answer)) {
    isEmpty &&= text.trim() === ''
    if (text !== '') yield text
  }
  if (isEmpty) throw new HandlerError('the answer of the model is empty')
}

async function* streamed(answer: Answer): AsyncGenerator<string> {
  for await (const { data } of serverSentEvents(answer)) yield textOf(data, 'delta')
}

/** Reads the answer of a server that does not stream. */
async function* whole(answer: Answer): AsyncGenerator<string> {
  yield textOf(await answer.text(), 'message')
}

function textOf(json: string, field: 'delta' | 'message'): string {
  const { error, choices } = read(json)
  if (error !== undefined) throw new HandlerError(`the model answered with an error: ${messageOf(error)}`)
  // The last piece of a stream may have usage figures and no choice.
  const [first] = Array.isArray(choices) ? (choices as unknown[]) : []
  const { content } = asObject(asObject(first)[field])
  return typeof content === 'string' ? content : ''
}

function read(json: string): Readonly<Record<string, unknown>> {
  try {
    return asObject(JSON.parse(json))
  } catch {
    throw new HandlerError('the answer of the model is not JSON')
  }
}

function messageOf(error: unknown): string {
  const { message } = asObject(error)
  return typeof message === 'string' ? message : JSON.stringify(error)
}
