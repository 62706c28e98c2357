import type { InboundEventKind } from './inbound-event.ts'

/** What both handlers that ask somebody over HTTP have. */
export interface BackendOptions {
  /** The name of a secret that is sent as `Authorization: Bearer`. */
  readonly apiKey?: string | undefined
  /** Headers of every request; credentials belong into `apiKey`. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Longest wait for the answer to begin, and between two pieces of it, milliseconds. */
  readonly timeoutMs: number
  /** Messages of the chat's past that are sent along. */
  readonly history: number
}

/** Posts events to a backend and replies what it answers. */
export interface HttpHandlerOptions extends BackendOptions {
  readonly url: string
  /** The kinds of events that are posted; the others complete without a reply. */
  readonly events: readonly InboundEventKind[]
  /** The name of a secret, `whsec_` and base64, that signs every request as Standard Webhooks says. */
  readonly signingSecret?: string | undefined
}

/** Has messages answered by a language model behind the chat completions API that OpenAI began. */
export interface OpenAiHandlerOptions extends BackendOptions {
  /** Up to and without `/chat/completions`. */
  readonly baseUrl: string
  readonly model: string
  /** The system prompt. */
  readonly system?: string | undefined
  readonly temperature?: number | undefined
  readonly maxTokens?: number | undefined
}

/** The way out of this network. */
export interface NetworkOptions {
  readonly proxy?: string | undefined
  /** Hosts that are reached without it, with their subdomains. */
  readonly noProxy: readonly string[]
  /** PEM certificates that are trusted beside Node's own. */
  readonly ca?: string | undefined
}
