import { toErrorRecord } from '../core/errors.ts'
import type { SendOutcome } from '../protocol/data.ts'
import type { MessageEvent } from '../protocol/events.ts'
import type { OutgoingReply } from '../protocol/message.ts'
import type { ReplyResult, SettledReply, StoredReply } from '../store/store.ts'
import type { FencedWriter } from './fenced-writer.ts'
import { afterFailedSend, type RetryPolicy } from './retry-policy.ts'
import type { Sleeper } from './sleeper.ts'

/** Rejecting or failing may also mean that the end is unknown: the uuid makes a repetition safe. */
export type SendReply = (botId: string, reply: OutgoingReply) => Promise<SendOutcome>

export interface DeliverRepliesDeps {
  readonly sendReply: SendReply
  readonly settle: FencedWriter<SettledReply>
  readonly owner: string
  readonly policy: RetryPolicy
  readonly sendTimeoutMs: number
  /** Closed when sends are no longer waited for. */
  readonly sends: Sleeper
  readonly random: () => number
  readonly isAborting: () => boolean
  readonly emit: (event: MessageEvent) => void
}

/**
 * Sends the replies of one lane in order and writes down what became of each. Ends after the last
 * one, or at the first that has to wait: its successors wait behind it, in the store.
 */
export async function deliverReplies(
  botId: string,
  replies: readonly StoredReply[],
  deps: DeliverRepliesDeps,
): Promise<void> {
  for (const [index, reply] of replies.entries()) {
    const result = deps.isAborting() ? givenBack() : await send(botId, reply, deps)
    const written = await deps.settle.write(settled(reply, result, deps.owner))
    if (written === 'held' || written === 'unsure') report(botId, reply, result, deps.emit)
    // Most likely the earlier try was committed and the lane is still ours, with the next reply at its head.
    if (written === 'unsure' && result.kind !== 'retry') await giveBack(replies.slice(index + 1), deps)
    if (written !== 'held' || result.kind === 'retry') return
  }
}

/**
 * Frees the lane of replies that are not being sent, so that they are claimed again. The fence makes
 * it safe to try when it is not known whose the lane is.
 */
export async function giveBack(
  replies: readonly StoredReply[],
  { settle, owner }: Pick<DeliverRepliesDeps, 'settle' | 'owner'>,
): Promise<void> {
  const [head] = replies
  if (head !== undefined) await settle.write(settled(head, givenBack(), owner))
}

async function send(botId: string, reply: StoredReply, deps: DeliverRepliesDeps): Promise<ReplyResult> {
  const outcome = await sendWithin(botId, reply, deps)
  if (outcome.kind === 'sent') return outcome
  if (deps.isAborting()) return givenBack()
  return afterFailedSend(reply.attempt, outcome.failure, deps.policy, deps.random())
}

async function sendWithin(botId: string, reply: StoredReply, deps: DeliverRepliesDeps): Promise<SendOutcome> {
  const { messageId, uuid, msgType, content } = reply
  const nap = deps.sends.nap(deps.sendTimeoutMs)
  try {
    return await Promise.race([
      deps.sendReply(botId, { messageId, uuid, msgType, content }),
      nap.over.then(() => noAnswer(deps.sendTimeoutMs)),
    ])
  } catch (thrown) {
    return { kind: 'failed', failure: { error: toErrorRecord(thrown, 'REPLY_FAILED') } }
  } finally {
    nap.end()
  }
}

function noAnswer(timeoutMs: number): SendOutcome {
  const message = `the reply was not confirmed within ${timeoutMs} ms`
  return { kind: 'failed', failure: { error: { code: 'DEADLINE_EXCEEDED', message, retryable: true } } }
}

function givenBack(): ReplyResult {
  const error = { code: 'SUPERVISOR_DOWN', message: 'given back before it was sent', retryable: true } as const
  return { kind: 'retry', afterMs: 0, error }
}

function settled(reply: StoredReply, result: ReplyResult, owner: string): SettledReply {
  return { eventId: reply.eventId, part: reply.part, fence: { owner, attempt: reply.attempt }, result }
}

function report(botId: string, reply: StoredReply, result: ReplyResult, emit: (event: MessageEvent) => void): void {
  const { eventId, attempt } = reply
  if (result.kind === 'sent') emit({ stage: 'replied', botId, eventId, messageId: result.messageId })
  else if (result.kind === 'dead') emit({ stage: 'dead', botId, eventId, reason: result.reason, error: result.error })
  else emit({ stage: 'retry', botId, eventId, attempt, afterMs: result.afterMs, error: result.error })
}
