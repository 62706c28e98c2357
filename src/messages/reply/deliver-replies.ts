import type { RetryPolicy } from '../../core/time/backoff.ts'
import type { Clock } from '../../core/time/clock.ts'
import { crashPoint } from '../../core/crash-point.ts'
import { toErrorRecord } from '../../core/errors.ts'
import { type ReplyToSend, type SendFailure, type SendOutcome, UPLOAD_TIMEOUT_MS } from '../../protocol/data.ts'
import type { MessageEvent } from '../../protocol/model/events.ts'
import type { ReplyResult, SettledReply, StoredReply } from '../../store/store.ts'
import type { FencedWriter } from '../writes/fenced-writer.ts'
import type { OutboundLimits } from './outbound-limits.ts'
import { afterFailedSend, askedDelayMs, beforeSend, wasUntried } from './send-retry.ts'
import type { SendTries } from './send-tries.ts'
import type { Sleeper } from '../writes/sleeper.ts'

/** Sends one reply. A rejection means that the outcome is unknown; the uuid of the reply makes a second try safe. */
export type SendReply = (botId: string, reply: ReplyToSend) => Promise<SendOutcome>

export interface DeliverRepliesDeps {
  readonly sendStored: (botId: string, reply: StoredReply) => Promise<SendOutcome>
  /** Deletes the uploads of an event that no unsent reply needs. Must not reject. */
  readonly dropUploads: (eventId: number) => Promise<void>
  readonly settle: FencedWriter<SettledReply>
  readonly policy: RetryPolicy
  readonly limits: OutboundLimits
  readonly tries: SendTries
  readonly clock: Clock
  readonly sendTimeoutMs: number
  /** Waits of sends. Closed when sends are no longer waited for. */
  readonly sends: Sleeper
  readonly random: () => number
  readonly isAborting: () => boolean
  readonly emit: (event: MessageEvent) => void
}

/**
 * Sends the replies of one lane in order and stores the result of each. Ends after the last reply, or at the first
 * that has to wait: the replies behind it wait in the store.
 */
export async function deliverReplies(
  botId: string,
  replies: readonly StoredReply[],
  deps: DeliverRepliesDeps,
): Promise<void> {
  const claimedAt = deps.clock.now()
  for (const [index, reply] of replies.entries()) {
    const result = await send(botId, reply, claimedAt, deps)
    crashPoint('settle.before')
    const written = await deps.settle.write(settled(reply, result))
    crashPoint('settle.after')
    if (written === 'held' || written === 'unsure') report(botId, reply, result, claimedAt, deps)
    if (result.kind === 'sent' && reply.delivery?.upload !== undefined) await deps.dropUploads(reply.eventId)
    // Most likely the earlier try was committed, and the lane is still ours with the next reply at its head.
    if (written === 'unsure' && result.kind !== 'retry') await giveBack(replies.slice(index + 1), deps)
    if (written !== 'held' || result.kind === 'retry') return
  }
}

/**
 * Frees the lane of replies that are not sent now, so that they are claimed again. The fence makes this safe even
 * when it is not known which claim has the lane.
 */
export async function giveBack(
  replies: readonly StoredReply[],
  { settle }: Pick<DeliverRepliesDeps, 'settle'>,
): Promise<void> {
  const [head] = replies
  if (head !== undefined) await settle.write(settled(head, givenBack()))
}

async function send(
  botId: string,
  reply: StoredReply,
  claimedAt: number,
  deps: DeliverRepliesDeps,
): Promise<ReplyResult> {
  const { tries, clock, policy } = deps
  const { uuid, attempt, unknownAttempts } = reply
  if (!(await waitForLimits(botId, reply, deps))) return givenBack()
  const tooLate = beforeSend({ unknownAttempts, ageMs: reply.ageMs + Math.max(0, clock.now() - claimedAt) })
  const outcome = tooLate ?? (await sendWithin(botId, reply, deps))
  if (outcome.kind !== 'failed') {
    tries.forget(uuid)
    return outcome
  }
  const { failure } = outcome
  pauseAsAsked(botId, reply, failure, deps)
  if (deps.isAborting()) return givenBack(failure.isRefused)
  const sent = { failure, attempt, unknownAttempts, tries: wasUntried(failure) ? 0 : tries.count(uuid) }
  const result = afterFailedSend(sent, policy, deps.random())
  if (result.kind === 'dead') tries.forget(uuid)
  return result
}

/** Waits for the limits of the chat and the bot. False when the stop came first. */
async function waitForLimits(
  botId: string,
  { receiver }: StoredReply,
  { limits, sends, isAborting }: DeliverRepliesDeps,
): Promise<boolean> {
  while (!isAborting()) {
    const waitMs = limits.take(botId, receiver.id)
    if (waitMs === 0) return true
    await sends.wait(waitMs).over
  }
  return false
}

function pauseAsAsked(botId: string, { receiver }: StoredReply, failure: SendFailure, deps: DeliverRepliesDeps): void {
  const askedMs = askedDelayMs(failure)
  if (askedMs === 0) return
  if (failure.limitOf === 'bot') deps.limits.pauseBot(botId, askedMs)
  if (failure.limitOf === 'chat') deps.limits.pauseChat(receiver.id, askedMs)
}

async function sendWithin(botId: string, reply: StoredReply, deps: DeliverRepliesDeps): Promise<SendOutcome> {
  const timeoutMs = deps.sendTimeoutMs + (reply.delivery?.upload === undefined ? 0 : 2 * UPLOAD_TIMEOUT_MS)
  const wait = deps.sends.wait(timeoutMs)
  try {
    return await Promise.race([deps.sendStored(botId, reply), wait.over.then(() => noAnswer(timeoutMs))])
  } catch (thrown) {
    return { kind: 'failed', failure: { error: toErrorRecord(thrown, 'REPLY_FAILED'), isRefused: false } }
  } finally {
    wait.end()
  }
}

function noAnswer(timeoutMs: number): SendOutcome {
  const message = `the reply was not confirmed within ${timeoutMs} ms`
  const error = { code: 'DEADLINE_EXCEEDED', message, retryable: true } as const
  return { kind: 'failed', failure: { error, isRefused: false } }
}

/**
 * Result of a reply that goes back to the store. `isRefused` is false for a send that was cut short: Feishu may have
 * carried it out.
 */
function givenBack(isRefused = true): ReplyResult {
  const error = { code: 'SUPERVISOR_DOWN', message: 'given back because of the stop', retryable: true } as const
  return { kind: 'retry', afterMs: 0, error, isRefused }
}

function settled({ eventId, part, fence }: StoredReply, result: ReplyResult): SettledReply {
  return { eventId, part, fence, result }
}

function report(
  botId: string,
  { eventId, attempt, ageMs, sinceArrivalMs }: StoredReply,
  result: ReplyResult,
  claimedAt: number,
  { clock, emit }: DeliverRepliesDeps,
): void {
  if (result.kind === 'sent') {
    const heldMs = clock.now() - claimedAt
    const total = sinceArrivalMs === undefined ? {} : { totalMs: sinceArrivalMs + heldMs }
    emit({ stage: 'replied', botId, eventId, messageId: result.messageId, sendMs: ageMs + heldMs, ...total })
  } else if (result.kind === 'dead') emit({ stage: 'dead', botId, eventId, reason: result.reason, error: result.error })
  else emit({ stage: 'retry', botId, eventId, attempt, afterMs: result.afterMs, error: result.error })
}
