import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { serveOrders } from '../process/serve-orders.ts'

// A language model behind the chat completions API. The newest message tells how it streams: with `pour-5000` for
// so many milliseconds, else a few tokens and then nothing until it is released.

export interface ModelOrders {
  url(): string
  /** How many answers hold. */
  held(): number
  /** Lets all answers that hold end. */
  release(): void
}

const TOKENS_PER_SECOND = 30
const HELD_TOKENS = 10

const held = new Set<ServerResponse>()

const server = createServer((request, response) => {
  void json(request).then((body) => {
    const { messages } = body as { messages: readonly { content: string }[] }
    const text = messages.at(-1)?.content ?? ''
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const ms = Number(/pour-(\d+)/.exec(text)?.[1] ?? 0)
    pour(response, ms > 0 ? (ms * TOKENS_PER_SECOND) / 1_000 : HELD_TOKENS, ms === 0)
  })
}).listen(0, '127.0.0.1')
await once(server, 'listening')

serveOrders<ModelOrders>({
  url: () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
  held: () => held.size,
  release() {
    for (const response of held) end(response)
    held.clear()
  },
})

function pour(response: ServerResponse, tokens: number, isHeld: boolean): void {
  let left = tokens
  const next = (): void => {
    response.write(`data: {"choices":[{"delta":{"content":"token "}}]}\n\n`)
    left -= 1
    if (left > 0) return
    clearInterval(timer)
    if (!isHeld) end(response)
  }
  if (isHeld) held.add(response)
  const timer = setInterval(next, 1_000 / TOKENS_PER_SECOND)
  response.once('prefinish', () => clearInterval(timer))
  response.once('close', () => clearInterval(timer))
  next()
}

function end(response: ServerResponse): void {
  response.end('data: [DONE]\n\n')
}
