import { createHmac } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type RequestListener, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import type { ChatContext, HistoryMessage } from '../../src/handlers/define-handler.ts'
import { httpHandler } from '../../src/handlers/http.ts'
import { openAiHandler } from '../../src/handlers/openai.ts'
import { newPost, retryAfterMs } from '../../src/handlers/post.ts'
import { toInboundEvent } from '../../src/messages/inbound/to-inbound-event.ts'
import type { HttpHandlerOptions, OpenAiHandlerOptions } from '../../src/protocol/options/built-in-handlers.ts'
import type { InboundEvent } from '../../src/protocol/model/inbound-event.ts'
import { listen } from '../support/bot.ts'
import { startProxy } from '../support/connect-proxy.ts'
import { messageEvent } from '../messages/dispatcher-bench.ts'

const SECRET = `whsec_${Buffer.from('fake-key-fake-key-fake-key').toString('base64')}`
const SECRETS: Readonly<Record<string, string>> = { key: 'fake-api-key', signing: SECRET }

interface Seen {
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A backend that answers as the test says. */
async function backend(answer: (response: ServerResponse) => void) {
  const seen: Seen[] = []
  const listener: RequestListener = (request, response) => {
    void text(request).then((body) => {
      seen.push({ url: `${request.method} ${request.url}`, headers: request.headers, body })
      answer(response)
    })
  }
  const { url } = await listen(() => createServer(listener))
  return { url, seen }
}

function json(body: unknown, status = 200, headers: Record<string, string> = {}) {
  return (response: ServerResponse): void =>
    void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

function stream(...data: string[]) {
  return (response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
    for (const line of data) response.write(line)
    response.end()
  }
}

function message(content = 'hello'): InboundEvent {
  const { type, payload } = messageEvent('oc_1', 'om_1', content)
  const parsed = toInboundEvent('bot_1', type, payload, 1)
  if (parsed.kind !== 'event') throw new Error(parsed.reason)
  return parsed.event
}

const past = (isOwn: boolean, said: string): HistoryMessage => {
  return { isOwn, text: said, messageType: 'text', messageId: 'om_0', senderOpenId: '', createdAt: 1 }
}

function context(history: readonly HistoryMessage[] = []) {
  const replies: unknown[] = []
  const ctx: ChatContext = {
    reply: async (reply) => void replies.push(reply),
    async stream(source) {
      let whole = ''
      for await (const piece of source) whole += `|${piece}`
      replies.push(whole)
    },
    history: (count) => Promise.resolve(history.slice(-count)),
    log: () => {},
    secret: (name) => SECRETS[name] ?? '',
    attempt: 2,
    signal: new AbortController().signal,
  }
  return { ctx, replies }
}

const post = newPost({ noProxy: [] })

describe('http', () => {
  async function ask(
    answer: (response: ServerResponse) => void,
    more: Partial<HttpHandlerOptions> = {},
    event = message(),
  ) {
    const { url, seen } = await backend(answer)
    const options: HttpHandlerOptions = {
      url: `${url}/answer`,
      timeoutMs: 5_000,
      history: 0,
      events: ['message', 'menu'],
      ...more,
    }
    const { ctx, replies } = context([past(false, 'before')])
    const returned = httpHandler(options, post).get(event.kind)?.(event, ctx)
    return { returned: Promise.resolve(returned), replies, seen }
  }

  it('posts the event, signed and under an id that stays over all runs', async () => {
    const { returned, replies, seen } = await ask(json({ reply: 'hi' }), {
      apiKey: 'key',
      signingSecret: 'signing',
      history: 5,
      headers: { 'x-team': 'sales' },
    })
    await returned
    expect(replies).toEqual(['hi'])
    const [{ url, headers, body }] = seen as [Seen]
    expect(url).toBe('POST /answer')
    expect(JSON.parse(body)).toMatchObject({
      attempt: 2,
      event: { kind: 'message', messageId: 'om_1', chatId: 'oc_1', text: 'hello' },
      history: [{ isOwn: false, text: 'before' }],
    })
    expect(headers).toMatchObject({
      'webhook-id': 'bot_1.om_1',
      authorization: 'Bearer fake-api-key',
      'x-team': 'sales',
    })
    const key = Buffer.from(SECRET.slice('whsec_'.length), 'base64')
    const signed = [headers['webhook-id'], headers['webhook-timestamp'], body].join('.')
    expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`)
  })

  it.each<[string, (response: ServerResponse) => void, unknown[]]>([
    ['several replies', json({ replies: ['one', { markdown: '**two**' }] }), ['one', { markdown: '**two**' }]],
    ['none', json({}), []],
    ['no content', (response) => response.writeHead(204).end(), []],
    ['a stream', stream('data: {"text":"Hel"}\n\n', 'data: {"text":', '"lo"}\n\ndata: [DONE]\n\n'), ['|Hel|lo']],
  ])('replies %s', async (_name, answer, expected) => {
    const { returned, replies } = await ask(answer)
    await returned
    expect(replies).toEqual(expected)
  })

  it('returns what a pressed card shows', async () => {
    const menu: InboundEvent = {
      botId: 'b',
      eventId: 'e1',
      createdAt: 1,
      raw: {},
      kind: 'menu',
      eventKey: 'k',
      operatorOpenId: 'o',
      operatorName: '',
    }
    const toast = { type: 'success', content: 'done' }
    const { returned, seen } = await ask(json({ toast }), {}, menu)
    expect(await returned).toEqual({ toast })
    expect(seen[0]?.headers['webhook-id']).toBe('b.e1')
  })

  it.each<[string, (response: ServerResponse) => void, object]>([
    ['is busy', json({}, 503, { 'retry-after': '7' }), { retryable: true, retryAfterMs: 7_000 }],
    ['limits', json({}, 429), { retryable: true }],
    [
      'refuses',
      json({ error: 'no such tenant' }, 404),
      { retryable: false, message: expect.stringContaining('404: {"error":"no such tenant"}') },
    ],
    ['points elsewhere', json({}, 302, { location: '/x' }), { retryable: false }],
    [
      'answers with something else',
      (response) => response.end('<html>'),
      { retryable: false, message: expect.stringContaining('expected a JSON object') },
    ],
    [
      'answers with unknown fields',
      json({ replay: 'x' }),
      { retryable: false, message: expect.stringContaining('replay') },
    ],
    [
      'breaks off',
      (response) =>
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {}\n', () => response.destroy()),
      { retryable: true },
    ],
    [
      'gives up in the middle',
      stream('event: error\ndata: out of ideas\n\n'),
      { retryable: true, message: expect.stringContaining('out of ideas') },
    ],
  ])('a backend that %s', async (_name, answer, error) => {
    const { returned } = await ask(answer)
    await expect(returned).rejects.toMatchObject(error)
  })

  it.each<[string, unknown, readonly unknown[]]>([
    ['nothing, told as null', { reply: null }, []],
    ['nothing, told as an empty list', { replies: [] }, []],
    ['an earlier upload', { reply: { image: { key: 'img_1' } } }, [{ image: { key: 'img_1' } }]],
    [
      'bytes',
      { replies: ['here', { file: { base64: 'aGk=' }, name: 'hi.txt' }] },
      ['here', { file: new Uint8Array(Buffer.from('hi')), name: 'hi.txt' }],
    ],
  ])('a backend answers with %s', async (_name, answer, expected) => {
    const { returned, replies } = await ask(json(answer))
    await returned
    expect(replies).toEqual(expected)
  })

  it.each<[string, unknown]>([
    ['a file of this machine', { reply: { file: '/etc/hostname' } }],
    ['a file of this machine after a good reply', { replies: ['hi', { image: './package.json' }] }],
    ['a path among the fields of an upload', { reply: { file: { path: '/etc/hostname' } } }],
    ['a key that is a list', { reply: { file: { key: ['/etc/hostname'] } } }],
    ['base64 that is none', { reply: { image: { base64: '/etc/hostname' } } }],
    ['a text for a list', { replies: 'abc' }],
    ['a list for a reply', { reply: ['abc'] }],
    ['a number', { replies: [1] }],
  ])('a backend that answers with %s is refused, and nothing is sent', async (_name, answer) => {
    const { returned, replies } = await ask(json(answer))
    await expect(returned).rejects.toMatchObject({ retryable: false, message: expect.not.stringContaining('hostname') })
    expect(replies).toEqual([])
  })

  it('a backend that is not there, or silent, is tried again', async () => {
    const { url } = await backend(() => {})
    const call = { headers: {}, body: '{}', signal: new AbortController().signal }
    await expect(post({ ...call, url, timeoutMs: 50 })).rejects.toMatchObject({
      retryable: true,
      message: expect.stringContaining('does not answer'),
    })
    const gone = await listen(() => createServer())
    await new Promise((resolve) => gone.server.close(resolve))
    await expect(post({ ...call, url: gone.url, timeoutMs: 5_000 })).rejects.toMatchObject({
      retryable: true,
      message: expect.stringContaining('ECONNREFUSED'),
    })
  })
})

describe('openai', () => {
  async function ask(answer: (response: ServerResponse) => void, more: Partial<OpenAiHandlerOptions> = {}) {
    const { url, seen } = await backend(answer)
    const options: OpenAiHandlerOptions = {
      baseUrl: `${url}/v1/`,
      model: 'small',
      timeoutMs: 5_000,
      history: 20,
      ...more,
    }
    const { ctx, replies } = context([past(false, 'what is new?'), past(true, 'nothing'), past(false, '')])
    const returned = Promise.resolve(openAiHandler(options, post).get('message')?.(message(), ctx))
    return { returned, replies, seen }
  }
  const delta = (content: string) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`

  it('tells the model the system prompt and the past, and streams what it says', async () => {
    const answer = stream(
      ': comment\n\n',
      delta('Hel'),
      delta('lo'),
      'data: {"choices":[],"usage":{}}\n\n',
      'data: [DONE]\n\n',
    )
    const { returned, replies, seen } = await ask(answer, {
      apiKey: 'key',
      system: 'Be brief.',
      temperature: 0.2,
      maxTokens: 100,
    })
    await returned
    expect(replies).toEqual(['|Hel|lo'])
    const [{ url, headers, body }] = seen as [Seen]
    expect([url, headers.authorization]).toEqual(['POST /v1/chat/completions', 'Bearer fake-api-key'])
    expect(JSON.parse(body)).toEqual({
      model: 'small',
      stream: true,
      temperature: 0.2,
      max_tokens: 100,
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'what is new?' },
        { role: 'assistant', content: 'nothing' },
        { role: 'user', content: 'hello' },
      ],
    })
  })

  it('takes a whole answer from a server that does not stream', async () => {
    const { returned, replies } = await ask(json({ choices: [{ message: { content: 'Hello' } }] }), { history: 0 })
    await returned
    expect(replies).toEqual(['|Hello'])
  })

  it.each<[string, (response: ServerResponse) => void, object]>([
    [
      'is limited',
      json({ error: { message: 'slow down' } }, 429, { 'retry-after': '3' }),
      { retryable: true, retryAfterMs: 3_000 },
    ],
    [
      'knows no such key',
      json({ error: { message: 'Incorrect API key' } }, 401),
      { retryable: false, message: expect.stringContaining('Incorrect API key') },
    ],
    [
      'gets too much',
      json({ error: { code: 'context_length_exceeded', message: 'maximum context length' } }, 400),
      { retryable: false, message: expect.stringContaining('maximum context length') },
    ],
    [
      'fails in the middle',
      stream(delta('Hel'), 'data: {"error":{"message":"overloaded"}}\n\n'),
      { retryable: true, message: expect.stringContaining('overloaded') },
    ],
    ['says nothing', stream('data: [DONE]\n\n'), { retryable: true, message: 'the answer of the model is empty' }],
    ['says nonsense', stream('data: nonsense\n\n'), { retryable: true }],
  ])('a model that %s', async (_name, answer, error) => {
    const { returned } = await ask(answer)
    await expect(returned).rejects.toMatchObject(error)
  })
})

it('Retry-After is seconds or a date', () => {
  expect(retryAfterMs('120', 0)).toBe(120_000)
  expect(retryAfterMs('Thu, 01 Jan 1970 00:01:00 GMT', 20_000)).toBe(40_000)
  expect([retryAfterMs(null, 0), retryAfterMs('soon', 0), retryAfterMs('0', 0)]).toEqual([
    undefined,
    undefined,
    undefined,
  ])
})

it('goes through the proxy, but not to hosts that are reached without it', async () => {
  const { url, seen } = await backend(json({}))
  const { port } = new URL(url)
  const proxy = await startProxy({ hosts: { 'backend.example:80': Number(port) } })
  const through = newPost({ proxy: proxy.url, noProxy: ['*.inside.example'] })
  const call = { headers: {}, body: '{}', timeoutMs: 5_000, signal: new AbortController().signal }
  await through({ ...call, url: 'http://backend.example/a' })
  await through({ ...call, url: `${url}/b` })
  // Nobody listens there, and the proxy is not asked: the rule is that of the bots.
  for (const host of ['127.0.0.5', 'model.inside.example', 'inside.example']) {
    await expect(through({ ...call, url: `http://${host}:${port}/c` })).rejects.toMatchObject({ retryable: true })
  }
  expect(seen.map(({ url: path }) => path)).toEqual(['POST /a', 'POST /b'])
  expect(proxy.targets()).toEqual(['backend.example:80'])
})
