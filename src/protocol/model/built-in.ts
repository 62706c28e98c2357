import type { InboundEventKind } from './inbound-event.ts'

/** Options of both handlers that call a server over HTTP. */
export interface BackendOptions {
  /** Name of a secret that is sent as `Authorization: Bearer`. */
  readonly apiKey?: string | undefined
  /** Headers of every request. Credentials belong in `apiKey`. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Longest wait for the start of the answer, and between two pieces of it, milliseconds. */
  readonly timeoutMs: number
  /** Number of past messages of the chat sent with each request. */
  readonly history: number
}

/** Handler that posts events to a backend and sends the backend's answers as replies. */
export interface HttpHandlerOptions extends BackendOptions {
  readonly url: string
  /** Kinds of events to post. Other events complete without a reply. */
  readonly events: readonly InboundEventKind[]
  /** Name of a secret (`whsec_` and base64) that signs every request by Standard Webhooks. */
  readonly signingSecret?: string | undefined
}

/** Handler that answers messages with a language model behind OpenAI's chat completions API. */
export interface OpenAiHandlerOptions extends BackendOptions {
  /** URL of the API without `/chat/completions`. */
  readonly baseUrl: string
  readonly model: string
  /** The system prompt. */
  readonly system?: string | undefined
  readonly temperature?: number | undefined
  readonly maxTokens?: number | undefined
}

/** Network settings for outgoing requests. */
export interface NetworkOptions {
  readonly proxy?: string | undefined
  /** Hosts reached without the proxy, subdomains included. */
  readonly noProxy: readonly string[]
  /** PEM certificates trusted in addition to Node's own. */
  readonly ca?: string | undefined
}
