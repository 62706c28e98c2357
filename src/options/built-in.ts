import { z } from 'zod'
import { HANDLER_NAMES } from '../handlers/define-handler.ts'
import { HANDLER_NAME } from '../protocol/chat.ts'
import type { InboundEventKind } from '../protocol/model/inbound-event.ts'

const secretName = z.string().regex(HANDLER_NAME, 'expected the name of one of the secrets')
const url = z.url({ protocol: /^https?$/, error: 'expected the URL of an HTTP server' })

const backend = {
  /** The name of a secret that is sent as `Authorization: Bearer`. Default: none. */
  apiKey: secretName.optional(),
  /** Headers of every request; credentials belong into `apiKey`. */
  headers: z.record(z.string().min(1), z.string()).optional(),
  /** Longest wait for the answer to begin, and between two pieces of it. Default 30 000. */
  timeoutMs: z.int().min(1).max(2_147_483_647).default(30_000),
}

const history = z.int().min(0).max(100)

const kinds = Object.keys(HANDLER_NAMES) as [InboundEventKind, ...InboundEventKind[]]

/** Handlers that come with the package and need to be told something. */
export const builtInOption = z.discriminatedUnion('builtIn', [
  z.strictObject({
    builtIn: z.literal('http'),
    /** Where events are posted to. */
    url,
    ...backend,
    /** Messages of the chat's past that are sent along, 0 to 100. Default 0. */
    history: history.default(0),
    /** The kinds of events that are posted; the others complete without a reply. Default: messages. */
    events: z.array(z.enum(kinds)).min(1).default(['message']),
    /** The name of a secret, `whsec_` and base64, that signs every request as Standard Webhooks says. Default: none. */
    signingSecret: secretName.optional(),
  }),
  z.strictObject({
    builtIn: z.literal('openai'),
    /** Of any server with the chat completions API, up to and without `/chat/completions`. Default `https://api.openai.com/v1`. */
    baseUrl: url.default('https://api.openai.com/v1'),
    model: z.string().min(1),
    ...backend,
    /** Messages of the chat's past that the model is told, 0 to 100. Default 20. */
    history: history.default(20),
    /** The system prompt. */
    system: z.string().min(1).optional(),
    temperature: z.number().min(0).max(2).optional(),
    maxTokens: z.int().min(1).optional(),
  }),
])

export type BuiltInOption = z.input<typeof builtInOption>
