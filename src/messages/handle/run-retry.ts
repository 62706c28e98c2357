import { backoffDelayMs, type RetryPolicy } from '../../core/time/backoff.ts'
import { errorRecord, type ErrorRecord } from '../../core/errors.ts'
import type { ClaimedEvent, EventResult } from '../../store/store.ts'
import { ATTEMPTS_EXHAUSTED, inMinutes, MAX_ASKED_DELAY_MS } from '../reply/send-retry.ts'

type Unfinished = Extract<EventResult, { kind: 'retry' | 'dead' }>

/** What becomes of an event whose run number `attempt` failed. A handler may give up at once, or ask for time. */
export function afterFailedRun(
  attempt: number,
  { error, retryAfterMs = 0 }: { readonly error: ErrorRecord; readonly retryAfterMs?: number | undefined },
  policy: RetryPolicy,
  random: number,
): Unfinished {
  if (error.code === 'HANDLER_GAVE_UP') return { kind: 'dead', reason: 'gave_up', error }
  if (attempt >= policy.maxAttempts) return { kind: 'dead', reason: ATTEMPTS_EXHAUSTED, error }
  const askedMs = Math.min(MAX_ASKED_DELAY_MS, retryAfterMs)
  return { kind: 'retry', afterMs: Math.max(backoffDelayMs(attempt, policy.backoff, random), askedMs), error }
}

/**
 * What becomes of an event before its run: attempts are counted at the claim, so a number beyond the
 * last one says that the process did not survive the runs before. It is not given another chance to do it.
 */
export function beforeRun(attempt: number, policy: RetryPolicy): Unfinished | undefined {
  if (attempt <= policy.maxAttempts) return undefined
  const error: ErrorRecord = {
    code: 'POOL_THREAD_DIED',
    message: `the process ended during each of the last runs; ${policy.maxAttempts} runs are allowed`,
    retryable: true,
  }
  return { kind: 'dead', reason: ATTEMPTS_EXHAUSTED, error }
}

/**
 * What becomes of an event that is too old to be answered, after a long outage say: who asked hours ago expects
 * no answer any more, and a burst of them would startle every chat. Only its first run is refused: a
 * message that was begun in time is seen through.
 */
export function whenExpired(
  { attempt, staleMs }: Pick<ClaimedEvent, 'attempt' | 'staleMs'>,
  maxAgeMs: number,
): Unfinished | undefined {
  if (maxAgeMs === 0 || attempt > 1 || !(staleMs > maxAgeMs)) return undefined
  const message =
    `the message was ${inMinutes(staleMs)} old when its turn came, and maxAgeMs allows ${inMinutes(maxAgeMs)};` +
    ' it can be resubmitted'
  return { kind: 'dead', reason: 'expired', error: errorRecord('MESSAGE_EXPIRED', message) }
}
