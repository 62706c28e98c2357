import type { RetryPolicy } from '../../core/time/backoff.ts'
import type { Clock } from '../../core/time/clock.ts'
import { crashPoint } from '../../core/crash-point.ts'
import { type ErrorRecord, toErrorRecord } from '../../core/errors.ts'
import type { AnswerPolicy } from '../../protocol/model/bot-settings.ts'
import type { EventTask } from '../../protocol/chat.ts'
import type { CardResponse, InboundEvent } from '../../protocol/model/inbound-event.ts'
import type { ReplyPart } from '../../protocol/model/message.ts'
import type { ClaimedEvent, EventResult } from '../../store/store.ts'
import { addressed, isBotLoop, MAX_BOT_TURNS, skipReason, type SkipReason } from './answer-policy.ts'
import { type BotDirectory, type BotHandlers, type Executor, executorFor, isSuspect } from './bot-handlers.ts'
import type { HandlerPool } from '../pool/handler-pool.ts'
import type { LiveStreams } from '../reply/live-streams.ts'
import { replyUuid, streamUuid } from '../reply/reply-uuid.ts'
import { replyTarget } from '../reply/reply-target.ts'
import type { ContextServer, RunOf } from './context-server.ts'
import { afterFailedRun, beforeRun, whenExpired, whenHostDied } from './run-retry.ts'
import { kindOf, toInboundEvent } from '../inbound/to-inbound-event.ts'

export interface HandleEventDeps {
  readonly executors: Readonly<Record<Executor, HandlerPool>>
  readonly handlers: BotHandlers
  readonly streams: Pick<LiveStreams, 'show'>
  /** Serves the calls that runs make. */
  readonly contextServer: Pick<ContextServer, 'take' | 'messagesBefore'>
  readonly bots: Pick<BotDirectory, 'settingsOf'>
  /** Default policy of bots. A bot may override single fields. */
  readonly answerPolicy: AnswerPolicy
  /** Called with every decision before it is stored, and with the response of a card handler. */
  readonly onDecided?: ((eventId: number, decision: Decision) => void) | undefined
  readonly handlerTimeoutMs: number
  readonly policy: RetryPolicy
  /** Age in milliseconds from which an event is no longer run. 0: no limit. */
  readonly maxAgeMs: number
  readonly clock: Clock
  readonly random: () => number
  /** True while we stop runs ourselves. A failure then is not the fault of the message. */
  readonly isAborting: () => boolean
}

export interface Decision {
  readonly result: EventResult
  readonly response?: CardResponse | undefined
}

/** How long an event waits when its bot or the bot's handler is not known here. */
const HANDLER_MISSING_MS = 15_000

/** How long an event waits when its executor is full after all, because its bot has just got another handler. */
const EXECUTOR_FULL_MS = 100

/** Share of the time limit after which the handler's signal fires, a little before its thread is stopped. */
const SIGNAL_SHARE = 0.9

/** Decides the result of a claimed event. Runs the handler if it has a function for such events. Never rejects. */
export async function handleEvent(event: ClaimedEvent, deps: HandleEventDeps): Promise<EventResult> {
  const decision = await decide(event, deps)
  deps.onDecided?.(event.id, decision)
  return decision.result
}

async function decide(event: ClaimedEvent, deps: HandleEventDeps): Promise<Decision> {
  const { policy, random } = deps
  const handler = deps.handlers.of(event.botId)
  const { limits = {}, policy: own = {}, openId = null } = deps.bots.settingsOf(event.botId) ?? {}
  const { handlerTimeoutMs = deps.handlerTimeoutMs, maxAgeMs = deps.maxAgeMs } = limits
  // Only the right handler may answer, so the event waits for it without limit. The bot's status shows why.
  if (handler === undefined) return { result: { kind: 'released', afterMs: HANDLER_MISSING_MS } }
  // Events for which the handler has no function complete without a run.
  if (!handler.kinds.has(kindOf(event.type))) return { result: { kind: 'completed', replies: [] } }
  const isHost = handler.ref.kind === 'host'
  const exhausted = beforeRun(event.attempt, policy) ?? (isHost ? whenHostDied(event.deaths, policy) : undefined)
  if (exhausted !== undefined) return { result: exhausted }
  try {
    const parsed = toInboundEvent(event.botId, event.type, event.payload, deps.clock.now() - event.ageMs)
    if (parsed.kind === 'bad') {
      return { result: { kind: 'dead', reason: 'bad_payload', error: internalError(parsed.reason) } }
    }
    const inbound = parsed.event.kind === 'message' ? addressed(parsed.event, openId) : parsed.event
    const target = replyTarget(inbound)
    const reason = await skipped(inbound, event.id, { ...deps.answerPolicy, ...own } as AnswerPolicy, deps)
    if (reason !== undefined) return { result: { kind: 'completed', replies: [], reason } }
    // The age is checked after the policy: an event that the policy skips must not become a dead letter.
    const expired = whenExpired(event, maxAgeMs)
    if (expired !== undefined) return { result: expired }
    const executor = deps.executors[executorFor(event, handler)]
    if (executor.isFull) return { result: { kind: 'released', afterMs: EXECUTOR_FULL_MS } }
    const run: RunOf = {
      botId: event.botId,
      eventId: event.id,
      target,
      onFrame: (frame) => (target === undefined ? undefined : deps.streams.show(event, target, frame)),
    }
    const task: EventTask = {
      kind: 'event',
      handler: handler.ref,
      event: inbound,
      canReply: target !== undefined,
      attempt: event.attempt,
      isSuspect: isSuspect(event),
      timeoutMs: Math.ceil(handlerTimeoutMs * SIGNAL_SHARE),
    }
    const outcome = await executor.run(task, handlerTimeoutMs, (call, answer) =>
      deps.contextServer.take(call, run, answer),
    )
    crashPoint('handler.after')
    if (outcome.kind === 'handled') {
      const replies = outcome.replies.flatMap((reply, index) =>
        target === undefined ? [] : [{ ...reply, ...target, uuid: uuidOf(event, reply, index) }],
      )
      return { result: { kind: 'completed', replies }, response: outcome.response }
    }
    if (deps.isAborting()) return { result: { kind: 'released' } }
    const failure = outcome.kind === 'failed' ? outcome : { error: internalError('the pool took an event for a probe') }
    return { result: afterFailedRun(event.attempt, failure, policy, random()) }
  } catch (thrown) {
    return { result: afterFailedRun(event.attempt, { error: toErrorRecord(thrown) }, policy, random()) }
  }
}

function uuidOf({ botId, dedupeKey }: ClaimedEvent, { delivery }: ReplyPart, part: number): string {
  const stream = delivery?.stream
  return stream === undefined ? replyUuid(botId, dedupeKey, part) : streamUuid(botId, dedupeKey, stream)
}

/**
 * Returns why the event is skipped. Undefined: it is handled. Rejects when the history of the chat cannot be read; the
 * event is then retried.
 */
async function skipped(
  event: InboundEvent,
  eventId: number,
  policy: AnswerPolicy,
  { contextServer }: HandleEventDeps,
): Promise<SkipReason | undefined> {
  const reason = skipReason(event, policy)
  if (reason !== undefined || event.kind !== 'message' || event.senderType === 'user') return reason
  const before = await contextServer.messagesBefore(event.botId, event.chatId, eventId, MAX_BOT_TURNS)
  return isBotLoop(before) ? 'bot_loop' : undefined
}

function internalError(message: string): ErrorRecord {
  return { code: 'INTERNAL', message, retryable: false }
}
