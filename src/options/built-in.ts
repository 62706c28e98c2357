import { z } from 'zod'
import { HANDLER_NAMES } from '../handlers/define-handler.ts'
import { HANDLER_NAME } from '../protocol/chat.ts'
import type { InboundEventKind } from '../protocol/model/inbound-event.ts'
import type { HttpHandler, OpenAiHandler } from '../protocol/options/built-in-handlers.ts'
import type { Difference, Nothing } from './same.ts'

const secretName = z.string().regex(HANDLER_NAME, 'expected the name of one of the secrets')
const url = z.url({ protocol: /^https?$/, error: 'expected the URL of an HTTP server' })

const backend = {
  apiKey: secretName.optional(),
  headers: z.record(z.string().min(1), z.string()).optional(),
  timeoutMs: z.int().min(1).max(2_147_483_647).default(30_000),
}

const history = z.int().min(0).max(100)

const kinds = Object.keys(HANDLER_NAMES) as [InboundEventKind, ...InboundEventKind[]]

const http = z.strictObject({
  builtIn: z.literal('http'),
  url,
  ...backend,
  history: history.default(0),
  events: z.array(z.enum(kinds)).min(1).default(['message']),
  signingSecret: secretName.optional(),
})

const openai = z.strictObject({
  builtIn: z.literal('openai'),
  baseUrl: url.default('https://api.openai.com/v1'),
  model: z.string().min(1),
  ...backend,
  history: history.default(20),
  system: z.string().min(1).optional(),
  temperature: z.number().min(0).max(2).optional(),
  maxTokens: z.int().min(1).optional(),
})

/** Built-in handlers that need options. */
export const builtInOption = z.discriminatedUnion('builtIn', [http, openai])

export type BuiltInAreDocumented = [
  Nothing<Difference<z.input<typeof http>, HttpHandler>>,
  Nothing<Difference<z.input<typeof openai>, OpenAiHandler>>,
]
