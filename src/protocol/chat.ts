import type { ErrorRecord } from '../core/errors.ts'
import type { CardResponse, InboundEvent, InboundEventKind } from './inbound-event.ts'
import type { ReplyPart } from './message.ts'

/** One task of the chat pool. `probe` only loads the handler, so that a broken one is found at start. */
export type ChatTask =
  | { readonly kind: 'probe'; readonly handler: HandlerRef }
  | {
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

/** A handler as the pool finds it: one of ours by name, or a module by absolute path. */
export type HandlerRef =
  | { readonly kind: 'builtin'; readonly name: 'echo' }
  | { readonly kind: 'module'; readonly path: string }

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
  | { readonly kind: 'failed'; readonly error: ErrorRecord }
