import type { Isolation } from '../model/bot-settings.ts'
import type { InboundEventKind } from '../model/inbound-event.ts'
import type { WithDefaults } from './resolved.ts'

/** A built-in handler with its options. */
export type BuiltInHandler = HttpHandler | OpenAiHandler

/** A module whose default export is a handler, with its options. */
export interface ModuleHandler {
  /** Path of the module. Required. */
  readonly module: string
  /**
   * Most runs of it at a time in one thread of the chat pool, 1 to 4 096. With 1 each run has a thread to itself, and
   * there are no more of them at a time than `messages.threads`: for handlers that compute or that are not safe to run
   * twice at a time. Default: `messages.runsPerThread`.
   */
  readonly runsPerThread?: number | undefined
  /**
   * Where it runs: in a `thread` of the chat pool, or each run alone in a child `process`, of which there are no more
   * at a time than `messages.threads`. For handlers with native code: what ends the process or blocks it for ever costs
   * one message an attempt. A process costs about 50 MB and starts in about 150 ms; it is kept for the next run when
   * its run ended well. Its main thread runs the handler, with an empty environment. Default: `thread`.
   */
  readonly isolation?: Isolation | undefined
}

/** What both built-in handlers have in common. */
export interface BackendHandler {
  /** Name of one of the `secrets`; it is sent as `Authorization: Bearer`. Default: none. */
  readonly apiKey?: string | undefined
  /** Headers of every request. Credentials belong in `apiKey`. Default: none. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Longest wait for the answer to begin, and between two pieces of it. Default: 30 000 ms. */
  readonly timeoutMs?: number | undefined
}

/** Posts events to a backend and replies what it answers. */
export interface HttpHandler extends BackendHandler {
  /** Chooses this handler. Required. */
  readonly builtIn: 'http'
  /** URL of the backend, `http` or `https`. Required. */
  readonly url: string
  /** How many earlier messages of the chat are sent along, 0 to 100. Default: 0. */
  readonly history?: number | undefined
  /** Kinds of events that are posted; the others complete without a reply. Default: `['message']`. */
  readonly events?: readonly InboundEventKind[] | undefined
  /** Name of one of the `secrets`, `whsec_` and base64, that signs every request as Standard Webhooks says. Default: none. */
  readonly signingSecret?: string | undefined
}

/** Has messages answered by a language model behind the chat completions API that OpenAI began. */
export interface OpenAiHandler extends BackendHandler {
  /** Chooses this handler. Required. */
  readonly builtIn: 'openai'
  /** URL of a server with the chat completions API, without `/chat/completions`. Default: `https://api.openai.com/v1`. */
  readonly baseUrl?: string | undefined
  /** Name of the model. Required. */
  readonly model: string
  /** How many earlier messages of the chat the model is told, 0 to 100. Default: 20. */
  readonly history?: number | undefined
  /** The system prompt. Default: none. */
  readonly system?: string | undefined
  /** Sampling temperature, 0 to 2. Default: the server's. */
  readonly temperature?: number | undefined
  /** Longest answer, in tokens. Default: the server's. */
  readonly maxTokens?: number | undefined
}

/** Options of the handler `http` with their defaults. */
export interface HttpHandlerOptions
  extends WithDefaults<Omit<HttpHandler, 'builtIn'>, 'timeoutMs' | 'history' | 'events'> {}

/** Options of the handler `openai` with their defaults. */
export interface OpenAiHandlerOptions
  extends WithDefaults<Omit<OpenAiHandler, 'builtIn'>, 'timeoutMs' | 'history' | 'baseUrl'> {}
