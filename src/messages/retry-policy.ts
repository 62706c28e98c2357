import { type BackoffPolicy, backoffDelayMs } from '../core/backoff.ts'
import { errorRecord, type ErrorRecord } from '../core/errors.ts'
import type { SendFailure } from '../protocol/data.ts'
import type { ClaimedEvent, EventResult, ReplyResult } from '../store/store.ts'

/** How often something is tried, and how long it waits in between. */
export interface RetryPolicy {
  readonly maxAttempts: number
  readonly backoff: BackoffPolicy
}

type Unfinished<Result> = Extract<Result, { kind: 'retry' | 'dead' }>

const EXHAUSTED = 'attempts_exhausted'

const UNKNOWN = 'outcome_unknown'

/** Feishu forgets a uuid after an hour; some of it is left for the send itself. */
export const UUID_TRUSTED_MS = 55 * 60_000

/** Feishu's limits are per second and per minute; a longer wait is a mistake, and would hold up the chat for nothing. */
const MAX_ASKED_DELAY_MS = 3_600_000

/** What becomes of an event whose run number `attempt` failed. A handler may give up at once, or ask for time. */
export function afterFailedRun(
  attempt: number,
  { error, retryAfterMs = 0 }: { readonly error: ErrorRecord; readonly retryAfterMs?: number | undefined },
  policy: RetryPolicy,
  random: number,
): Unfinished<EventResult> {
  if (error.code === 'HANDLER_GAVE_UP') return { kind: 'dead', reason: 'gave_up', error }
  if (attempt >= policy.maxAttempts) return { kind: 'dead', reason: EXHAUSTED, error }
  const askedMs = Math.min(MAX_ASKED_DELAY_MS, retryAfterMs)
  return { kind: 'retry', afterMs: Math.max(backoffDelayMs(attempt, policy.backoff, random), askedMs), error }
}

/**
 * What becomes of an event before its run: attempts are counted at the claim, so a number beyond the
 * last one says that the process did not survive the runs before. It is not given another chance to do it.
 */
export function beforeRun(attempt: number, policy: RetryPolicy): Unfinished<EventResult> | undefined {
  if (attempt <= policy.maxAttempts) return undefined
  const error: ErrorRecord = {
    code: 'POOL_THREAD_DIED',
    message: `the process ended during each of the last runs; ${policy.maxAttempts} runs are allowed`,
    retryable: true,
  }
  return { kind: 'dead', reason: EXHAUSTED, error }
}

/**
 * What becomes of an event that is too old to be answered, after a long outage say: who asked hours ago expects
 * no answer any more, and a burst of them would startle every chat. Only its first run is refused: a
 * message that was begun in time is seen through.
 */
export function whenExpired(
  { attempt, staleMs }: Pick<ClaimedEvent, 'attempt' | 'staleMs'>,
  maxAgeMs: number,
): Unfinished<EventResult> | undefined {
  if (maxAgeMs === 0 || attempt > 1 || !(staleMs > maxAgeMs)) return undefined
  const message =
    `the message was ${inMinutes(staleMs)} old when its turn came, and maxAgeMs allows ${inMinutes(maxAgeMs)};` +
    ' it can be resubmitted'
  return { kind: 'dead', reason: 'expired', error: errorRecord('MESSAGE_EXPIRED', message) }
}

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
export function afterFailedSend(sent: FailedSend, policy: RetryPolicy, random: number): Unfinished<ReplyResult> {
  const { failure, attempt, tries } = sent
  const { error, isRefused } = failure
  if (!error.retryable) return buried('refused', sent)
  // Bots and networks may be away for hours, and that says nothing about the reply.
  const isUntried = wasUntried(failure)
  if (!isUntried && tries >= policy.maxAttempts) return buried(EXHAUSTED, sent)
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
export function beforeSend(reply: { unknownAttempts: number; ageMs: number }): Unfinished<ReplyResult> | undefined {
  if (reply.unknownAttempts === 0 || reply.ageMs <= UUID_TRUSTED_MS) return undefined
  return { kind: 'dead', reason: UNKNOWN, error: outcomeUnknown(`it was stored ${inMinutes(reply.ageMs)} ago`) }
}

/** Asked by Feishu, so at least this long; the number comes from the network: nonsense counts as not asked. */
export function askedDelayMs({ retryAfterMs }: SendFailure): number {
  if (retryAfterMs === undefined || !(retryAfterMs > 0)) return 0
  return Math.min(MAX_ASKED_DELAY_MS, Math.round(retryAfterMs))
}

/** Nobody may take an unknown outcome for a refusal: whoever resubmits it must know that it may be out there. */
function buried(reason: string, { failure, unknownAttempts }: FailedSend): Unfinished<ReplyResult> {
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

function inMinutes(ms: number): string {
  return `${Math.round(ms / 60_000)} min`
}
