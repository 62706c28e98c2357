import { type Deferred, deferred } from '../../core/time/deferred.ts'
import { type ErrorCode, errorRecord, FeishuSupervisorError } from '../../core/errors.ts'
import { redactText } from '../../core/log/redact.ts'
import { asObject } from '../../core/as-object.ts'
import type { ChatOutcome, ChatTask, HandlerRef, PoolAnswer } from '../../protocol/chat.ts'
import type { InboundEventKind } from '../../protocol/model/inbound-event.ts'
import type { Quarantine } from './quarantine.ts'
import type { TakeCall } from './run-channel-server.ts'

/** One run, from when the pool takes it to its outcome, however often it is begun. */
export class PoolRun {
  readonly task: ChatTask
  readonly timeoutMs: number
  readonly take: TakeCall
  readonly handlerKey: string
  /** Undefined for a probe. */
  readonly botId: string | undefined
  /** The same for every attempt; undefined for a probe. */
  readonly eventKey: string | undefined
  /** It was among those of which one must have ended a thread. */
  quarantine: Quarantine | undefined
  cancelDeadline = (): void => {}
  readonly #outcome: Deferred<ChatOutcome> = deferred<ChatOutcome>()

  constructor(task: ChatTask, timeoutMs: number, take: TakeCall) {
    this.task = task
    this.timeoutMs = timeoutMs
    this.take = take
    this.handlerKey = keyOf(task.handler)
    // An event that is none fails in its thread, like every other fault.
    const { botId, eventId } = task.kind === 'event' ? asObject(task.event) : {}
    this.botId = typeof botId === 'string' ? botId : undefined
    this.eventKey = typeof botId === 'string' ? `${botId} ${String(eventId)}` : undefined
  }

  get outcome(): Promise<ChatOutcome> {
    return this.#outcome.promise
  }

  settle(outcome: ChatOutcome): void {
    this.cancelDeadline()
    this.#outcome.resolve(outcome)
  }
}

export function keyOf(handler: HandlerRef): string {
  return handler.kind === 'module' ? handler.path : handler.name
}

/** Code of the user runs in the same thread, so even the shape of the answer is checked; `throw null` arrives as null. */
export function toAnswer(answer: unknown): PoolAnswer {
  const { outcome, memoryMb } = asObject(answer)
  const { kind } = asObject(outcome)
  if (typeof memoryMb === 'number' && (kind === 'loaded' || kind === 'handled' || kind === 'failed')) {
    return answer as PoolAnswer
  }
  return { outcome: failed('HANDLER_FAILED', 'the pool thread gave no outcome'), memoryMb: 0 }
}

/** Which kinds of events a handler has functions for that was loaded; throws `HANDLER_UNLOADABLE` and the reason if it was not. */
export function loadedKinds(handler: HandlerRef, outcome: ChatOutcome): ReadonlySet<InboundEventKind> {
  if (outcome.kind === 'loaded') return new Set(outcome.kinds)
  const { error } = outcome.kind === 'failed' ? outcome : failed('INTERNAL', 'the pool took a probe for an event')
  const isNamed = error.code === 'HANDLER_UNLOADABLE'
  const text = isNamed ? error.message : `the handler ${keyOf(handler)} cannot be used: ${error.message}`
  throw new FeishuSupervisorError('HANDLER_UNLOADABLE', text)
}

export function failed(code: ErrorCode, message: string, stack?: string): Extract<ChatOutcome, { kind: 'failed' }> {
  // What ended a thread may be an error of the handler.
  return { kind: 'failed', error: errorRecord(code, redactText(message), stack) }
}
