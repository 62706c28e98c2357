import type { MessagePort } from 'node:worker_threads'
import type { ErrorRecord } from '../core/errors.ts'
import type { MemoryBudget } from '../core/lifecycle/memory-budget.ts'
import type { NetworkOptions } from './model/built-in.ts'
import type { HttpHandlerOptions, OpenAiHandlerOptions } from './options/built-in-handlers.ts'
import type { CardResponse, InboundEvent, InboundEventKind } from './model/inbound-event.ts'
import type { ReplyPart } from './model/message.ts'

/** workerData of a pool thread. */
export interface ChatBoot extends MemoryBudget {
  readonly secrets: Readonly<Record<string, string>>
}

/** Only loads the handler, so that a broken one is found at start. */
export interface ProbeTask {
  readonly kind: 'probe'
  readonly handler: HandlerRef
}

export interface EventTask {
  readonly kind: 'event'
  readonly handler: HandlerRef
  readonly event: InboundEvent
  /** False when it is not known whom a reply would go to. */
  readonly canReply: boolean
  /** 1 for the first run; counted when the event is claimed, so a run that killed the process counts. */
  readonly attempt: number
  /** Time left for the handler, milliseconds. */
  readonly timeoutMs: number
}

/** One task of a pool thread. The first event of a thread comes with its run channel (see run-channel.ts), transferred. */
export type ChatTask = ProbeTask | (EventTask & { readonly port?: MessagePort })

export type BuiltInRef =
  | { readonly kind: 'builtin'; readonly name: 'echo' }
  | {
      readonly kind: 'builtin'
      readonly name: 'http'
      readonly options: HttpHandlerOptions
      readonly network: NetworkOptions
    }
  | {
      readonly kind: 'builtin'
      readonly name: 'openai'
      readonly options: OpenAiHandlerOptions
      readonly network: NetworkOptions
    }

/** A handler as a thread finds it: one of ours, a module by absolute path, or a function of the host by its name in the options. */
export type HandlerRef =
  | BuiltInRef
  | { readonly kind: 'module'; readonly path: string }
  | { readonly kind: 'host'; readonly name: string; readonly kinds: readonly InboundEventKind[] }

/** How a handler may be called; no path is a name. */
export const HANDLER_NAME = /^[a-zA-Z0-9][\w-]{0,63}$/

/** What a bot has that names no other handler. */
export const DEFAULT_HANDLER = 'default'

/** One run on the host's thread. */
export interface HostRun {
  readonly id: number
  /** With a run channel for this run alone, transferred. */
  readonly task: EventTask & { readonly port: MessagePort }
  /** From then on nobody waits for it, milliseconds since the epoch. */
  readonly deadlineAt: number
}

/** A streamed answer as it is now, on its way from the run to the reader. */
export interface StreamFrame {
  /** 0, 1, ... within the event. */
  readonly stream: number
  /** All of it so far. */
  readonly text: string
  readonly title?: string
  readonly inThread?: true
}

/** What a pool thread answers to a task. */
export interface PoolAnswer {
  readonly outcome: ChatOutcome
  /** Heap and Buffers of the thread afterwards. */
  readonly memoryMb: number
}

/** The pool task never rejects: a rejected run can only mean that the thread died or was stopped. */
export type ChatOutcome =
  /** The kinds of events the handler has a function for. */
  | { readonly kind: 'loaded'; readonly kinds: readonly InboundEventKind[] }
  /** `response`: what a card handler returned. */
  | { readonly kind: 'handled'; readonly replies: readonly ReplyPart[]; readonly response?: CardResponse }
  /** `retryAfterMs`: the handler asked to be left alone so long. */
  | { readonly kind: 'failed'; readonly error: ErrorRecord; readonly retryAfterMs?: number }
