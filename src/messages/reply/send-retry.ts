import { backoffDelayMs, type RetryPolicy } from '../../core/time/backoff.ts'
import { errorRecord, type ErrorRecord } from '../../core/errors.ts'
import type { SendFailure } from '../../protocol/data.ts'
import type { ReplyResult } from '../../store/store.ts'

type Unfinished = Extract<ReplyResult, { kind: 'retry' | 'dead' }>

/** The reason of a dead letter that was tried as often as its policy allows. */
export const ATTEMPTS_EXHAUSTED = 'attempts_exhausted'

const UNKNOWN = 'outcome_unknown'

/** Feishu forgets a uuid after an hour; some of it is left for the send itself. */
export const UUID_TRUSTED_MS = 55 * 60_000

/** Feishu's limits are per second and per minute; a longer wait is a mistake, and would hold up the chat for nothing. */
export const MAX_ASKED_DELAY_MS = 3_600_000

/** A send that did not succeed. */
export interface FailedSend {
  readonly failure: SendFailure
  /** Claims of the reply, this one included. */
  readonly attempt: number
  /** Sends that left for Feishu, this one included if it did. */
  readonly tries: number
  /** Earlier attempts of which the outcome is unknown. */
  readonly unknownAttempts: number
}

/** What becomes of a reply after a failed send. */
export function afterFailedSend(sent: FailedSend, policy: RetryPolicy, random: number): Unfinished {
  const { failure, attempt, tries } = sent
  const { error, isRefused } = failure
  if (!error.retryable) return buried('refused', sent)
  // Bots and networks may be away for hours, and that says nothing about the reply.
  const isUntried = wasUntried(failure)
  if (!isUntried && tries >= policy.maxAttempts) return buried(ATTEMPTS_EXHAUSTED, sent)
  const backoffMs = backoffDelayMs(isUntried ? attempt : tries, policy.backoff, random)
  return { kind: 'retry', afterMs: Math.max(backoffMs, askedDelayMs(failure)), error, isRefused }
}

/** The reply did not leave: there was no worker, or no connection. Feishu itself answers neither. */
export function wasUntried({ error, isRefused }: SendFailure): boolean {
  return isRefused && (error.code === 'WORKER_UNREACHABLE' || error.code === 'CONNECTION_FAILED')
}

/**
 * What becomes of a reply before it is sent, counting from the time it was stored. Its uuid protects it for
 * an hour from the first attempt, so one that may be out there is not sent again when that hour is nearly over.
 */
export function beforeSend(reply: { unknownAttempts: number; ageMs: number }): Unfinished | undefined {
  if (reply.unknownAttempts === 0 || reply.ageMs <= UUID_TRUSTED_MS) return undefined
  return { kind: 'dead', reason: UNKNOWN, error: outcomeUnknown(`it was stored ${inMinutes(reply.ageMs)} ago`) }
}

/** Asked by Feishu, so at least this long; the number comes from the network: nonsense counts as not asked. */
export function askedDelayMs({ retryAfterMs }: SendFailure): number {
  if (retryAfterMs === undefined || !(retryAfterMs > 0)) return 0
  return Math.min(MAX_ASKED_DELAY_MS, Math.round(retryAfterMs))
}

/** Nobody may take an unknown outcome for a refusal: whoever resubmits it must know that it may be out there. */
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
