import type { MessagePort } from 'node:worker_threads'
import type { ErrorRecord } from '../core/errors.ts'
import type { Heartbeat } from '../core/lifecycle/heartbeat.ts'
import type { MemoryBudget } from '../core/lifecycle/memory-budget.ts'
import type { Isolation } from './model/bot-settings.ts'
import type { NetworkOptions } from './model/built-in.ts'
import type { HttpHandlerOptions, OpenAiHandlerOptions } from './options/built-in-handlers.ts'
import type { CardResponse, InboundEvent, InboundEventKind } from './model/inbound-event.ts'
import type { ReplyPart } from './model/message.ts'

/** workerData of a pool thread. */
export interface ChatBoot extends MemoryBudget {
  readonly secrets: Readonly<Record<string, string>>
  /** Beats only while the thread has runs. */
  readonly heartbeat: Heartbeat
  /** Some numbers, see ThreadMarks. Shared, so that they can be read after the thread's death. */
  readonly marks: SharedArrayBuffer
  /** It gives way to other threads of the machine where the system lets it. */
  readonly isBurner: boolean
}

/** What a pool thread shows of itself, as places in `ChatBoot.marks`. */
export const ThreadMarks = {
  /** The number of the run whose code is on the stack; 0: of none. */
  onStack: 0,
  /** 1 once it has started. */
  isReady: 1,
  /** Its id in the operating system, on Linux; else 0. */
  threadId: 2,
  size: 3,
} as const

/** Only loads the handler, so that a broken one is found at start. */
export interface ProbeTask {
  readonly kind: 'probe'
  readonly handler: HandlerRef
}

export interface EventTask {
  readonly kind: 'event'
  readonly handler: HandlerRef
  readonly event: InboundEvent
  /** False if the receiver of a reply is unknown. */
  readonly canReply: boolean
  /** 1 for the first run. A run without an outcome is not counted: the next one has the same number. */
  readonly attempt: number
  /** It may have ended whole processes: it shares none with other runs. Default false. */
  readonly isSuspect?: boolean
  /** Time left for the handler, milliseconds. */
  readonly timeoutMs: number
}

/** What the pool is asked for. */
export type ChatTask = ProbeTask | EventTask

/** One run in a pool thread. The first one of a thread comes with its run channel (see run-channel.ts), transferred. */
export interface PoolTask {
  /** Names this run and no other, of any thread; at least 1, 31 bits. A run that is begun again has another one. */
  readonly run: number
  readonly task: ChatTask
  readonly port?: MessagePort
}

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

/** Reference to a handler: a built-in one, a module by absolute path, or a function of the host by its name in the options. */
export type HandlerRef =
  | BuiltInRef
  | {
      readonly kind: 'module'
      readonly path: string
      /** Most runs of it at a time in one thread; 1: each has a thread to itself. Default: as many as of other handlers. */
      readonly runsPerThread?: number
      /** `process`: each run of it is alone in a child process. Default `thread`. */
      readonly isolation?: Isolation
    }
  | { readonly kind: 'host'; readonly name: string; readonly kinds: readonly InboundEventKind[] }

/** True when each run of the handler has a thread to itself. */
export function isExclusive(handler: HandlerRef): boolean {
  return handler.kind === 'module' && handler.runsPerThread === 1
}

/** True when each run of the handler has a process to itself. */
export function isIsolated(handler: HandlerRef): boolean {
  return handler.kind === 'module' && handler.isolation === 'process'
}

/** Valid names of handlers. A path never matches. */
export const HANDLER_NAME = /^[a-zA-Z0-9][\w-]{0,63}$/

/** Handler of a bot that names no other. */
export const DEFAULT_HANDLER = 'default'

/** One run on the host's thread. */
export interface HostRun {
  readonly id: number
  /** `port` is a run channel for this run alone, transferred. */
  readonly task: EventTask & { readonly port: MessagePort }
  /** End of the wait for this run, milliseconds since the epoch. */
  readonly deadlineAt: number
}

/** Present content of a streamed answer, on the way from the run to the reader. */
export interface StreamFrame {
  /** Number of the stream within the event: 0, 1, ... */
  readonly stream: number
  /** The whole text so far. */
  readonly text: string
  readonly title?: string
  readonly inThread?: true
}

/** Answer of a pool thread to a task. */
export interface PoolAnswer {
  readonly outcome: ChatOutcome
  /** Heap and Buffers of the thread after the task, megabytes. */
  readonly memoryMb: number
}

/** Outcome of a pool task. The task never rejects: a rejected run means that the thread died or was stopped. */
export type ChatOutcome =
  /** `kinds`: the kinds of events that the handler has a function for. */
  | { readonly kind: 'loaded'; readonly kinds: readonly InboundEventKind[] }
  /** `response`: the return value of a card handler. */
  | { readonly kind: 'handled'; readonly replies: readonly ReplyPart[]; readonly response?: CardResponse }
  /** `retryAfterMs`: shortest wait before the next run, set by the handler. */
  | { readonly kind: 'failed'; readonly error: ErrorRecord; readonly retryAfterMs?: number }
