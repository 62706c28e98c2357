import { backoffDelayMs, type RetryPolicy } from '../../core/time/backoff.ts'
import { errorRecord, type ErrorRecord } from '../../core/errors.ts'
import type { SendFailure } from '../../protocol/data.ts'
import type { ReplyResult } from '../../store/store.ts'

type Unfinished = Extract<ReplyResult, { kind: 'retry' | 'dead' }>

/** Reason of a dead letter that was tried as often as its policy allows. */
export const ATTEMPTS_EXHAUSTED = 'attempts_exhausted'

const UNKNOWN = 'outcome_unknown'

/**
 * How long a uuid protects from a second message. Feishu forgets a uuid after an hour; five minutes are left for the
 * send itself.
 */
export const UUID_TRUSTED_MS = 55 * 60_000

/**
 * Longest delay that is honoured. Feishu's limits are per second and per minute, so a longer wait is a mistake and
 * would only hold up the chat.
 */
export const MAX_ASKED_DELAY_MS = 3_600_000

/** A send that did not succeed. */
export interface FailedSend {
  readonly failure: SendFailure
  /** Number of claims of the reply, this one included. */
  readonly attempt: number
  /** Number of sends that left for Feishu, this one included if it left. */
  readonly tries: number
  /** Number of earlier attempts with an unknown outcome. */
  readonly unknownAttempts: number
}

/** Decides whether a reply is tried again or becomes a dead letter after a failed send. */
export function afterFailedSend(sent: FailedSend, policy: RetryPolicy, random: number): Unfinished {
  const { failure, attempt, tries } = sent
  const { error, isRefused } = failure
  if (!error.retryable) return buried('refused', sent)
  // Bots and networks may be away for hours. That is no fault of the reply.
  const isUntried = wasUntried(failure)
  if (!isUntried && tries >= policy.maxAttempts) return buried(ATTEMPTS_EXHAUSTED, sent)
  const backoffMs = backoffDelayMs(isUntried ? attempt : tries, policy.backoff, random)
  return { kind: 'retry', afterMs: Math.max(backoffMs, askedDelayMs(failure)), error, isRefused }
}

/** True when the reply did not leave because there was no worker or no connection. Feishu itself sends neither code. */
export function wasUntried({ error, isRefused }: SendFailure): boolean {
  return isRefused && (error.code === 'WORKER_UNREACHABLE' || error.code === 'CONNECTION_FAILED')
}

/**
 * Decides before a send whether the reply is too old. Undefined: send. `ageMs` counts from the time it was stored.
 * The uuid protects a reply for an hour from the first attempt. So a reply that Feishu may have shown already is not
 * sent again when that hour is nearly over.
 */
export function beforeSend(reply: { unknownAttempts: number; ageMs: number }): Unfinished | undefined {
  if (reply.unknownAttempts === 0 || reply.ageMs <= UUID_TRUSTED_MS) return undefined
  return { kind: 'dead', reason: UNKNOWN, error: outcomeUnknown(`it was stored ${inMinutes(reply.ageMs)} ago`) }
}

/**
 * Returns the delay that Feishu asked for, in milliseconds; 0 if none. The number comes from the network, so nonsense
 * counts as 0.
 */
export function askedDelayMs({ retryAfterMs }: SendFailure): number {
  if (retryAfterMs === undefined || !(retryAfterMs > 0)) return 0
  return Math.min(MAX_ASKED_DELAY_MS, Math.round(retryAfterMs))
}

/**
 * Makes the result of a dead reply. An unknown outcome must not look like a refusal: an operator who resubmits the
 * reply must know that it may have been shown.
 */
function buried(reason: string, { failure, unknownAttempts }: FailedSend): Unfinished {
  const { error, isRefused, logId } = failure
  const ended =
    unknownAttempts > 0 || !isRefused
      ? { reason: UNKNOWN, error: outcomeUnknown(`the last error was: ${error.message}`) }
      : { reason, error }
  return { kind: 'dead', ...ended, ...(logId === undefined ? {} : { logId }) }
}

export function outcomeUnknown(detail: string): ErrorRecord {
  const message = `it is not known whether Feishu showed the reply; look into the chat before resubmitting it; ${detail}`
  return errorRecord('OUTCOME_UNKNOWN', message)
}

export function inMinutes(ms: number): string {
  return `${Math.round(ms / 60_000)} min`
}
