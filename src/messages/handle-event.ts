import type { Clock } from '../core/clock.ts'
import { type ErrorRecord, toErrorRecord } from '../core/errors.ts'
import type { HandlerRef, ChatOutcome, ChatTask } from '../protocol/chat.ts'
import type { ClaimedEvent, EventResult } from '../store/store.ts'
import { replyUuid } from './reply-uuid.ts'
import { afterFailedRun, beforeRun, type RetryPolicy, whenExpired } from './retry-policy.ts'
import { MESSAGE_EVENT_TYPE, toInboundMessage } from './to-inbound-message.ts'

/** What the dispatcher needs of the chat pool. */
export interface HandlerPool {
  readonly threads: number
  /** Never rejects. */
  run(task: ChatTask, timeoutMs: number): Promise<ChatOutcome>
  close(graceMs: number): Promise<void>
}

export interface HandleEventDeps {
  readonly pool: HandlerPool
  readonly handler: HandlerRef
  readonly handlerTimeoutMs: number
  readonly policy: RetryPolicy
  /** An event older than this is not run any more; 0: no limit. */
  readonly maxAgeMs: number
  readonly clock: Clock
  readonly random: () => number
  /** Runs are being stopped by us; a failure now says nothing about the message. */
  readonly isAborting: () => boolean
}

/** The handler's signal fires a little before its thread is stopped. */
const SIGNAL_SHARE = 0.9

/** Decides what becomes of a claimed event, running the handler if it is a message. Never rejects. */
export async function handleEvent(event: ClaimedEvent, deps: HandleEventDeps): Promise<EventResult> {
  const { policy, random } = deps
  // Stored so that nothing is lost, but there is no handler for other types yet.
  if (event.type !== MESSAGE_EVENT_TYPE) return { kind: 'completed', replies: [] }
  const ended = beforeRun(event.attempt, policy) ?? whenExpired(event, deps.maxAgeMs)
  if (ended !== undefined) return ended
  try {
    const parsed = toInboundMessage(event.botId, event.payload, deps.clock.now() - event.ageMs)
    if (parsed.kind === 'bad') {
      return { kind: 'dead', reason: 'bad_payload', error: internalError(parsed.reason) }
    }
    const { message } = parsed
    const task: ChatTask = {
      kind: 'message',
      handler: deps.handler,
      message,
      attempt: event.attempt,
      timeoutMs: Math.ceil(deps.handlerTimeoutMs * SIGNAL_SHARE),
    }
    const outcome = await deps.pool.run(task, deps.handlerTimeoutMs)
    if (outcome.kind === 'handled') {
      const replies = outcome.replies.map((part, index) => ({
        msgType: part.msgType,
        content: part.content,
        messageId: message.messageId,
        receiver: { type: 'chat_id', id: message.chatId } as const,
        uuid: replyUuid(event.botId, event.dedupeKey, index),
      }))
      return { kind: 'completed', replies }
    }
    if (deps.isAborting()) return { kind: 'released' }
    const error = outcome.kind === 'failed' ? outcome.error : internalError('the pool took a message for a probe')
    return afterFailedRun(event.attempt, error, policy, random())
  } catch (thrown) {
    return afterFailedRun(event.attempt, toErrorRecord(thrown), policy, random())
  }
}

function internalError(message: string): ErrorRecord {
  return { code: 'INTERNAL', message, retryable: false }
}
