import { backoffDelayMs, type RetryPolicy } from '../../core/time/backoff.ts'
import { errorRecord, type ErrorRecord } from '../../core/errors.ts'
import type { ClaimedEvent, EventResult } from '../../store/store.ts'
import { ATTEMPTS_EXHAUSTED, inMinutes, MAX_ASKED_DELAY_MS } from '../reply/send-retry.ts'

/** Reason of a dead letter whose last attempt ended the process in which it ran alone. */
const CRASHED_PROCESS = 'crashed_process'

type Unfinished = Extract<EventResult, { kind: 'retry' | 'dead' }>

/**
 * Decides the result of an event whose run number `attempt` failed. A handler may give up at once, or ask for a delay.
 */
export function afterFailedRun(
  attempt: number,
  { error, retryAfterMs = 0 }: { readonly error: ErrorRecord; readonly retryAfterMs?: number | undefined },
  policy: RetryPolicy,
  random: number,
): Unfinished {
  if (error.code === 'HANDLER_GAVE_UP') return { kind: 'dead', reason: 'gave_up', error }
  if (attempt >= policy.maxAttempts) {
    return { kind: 'dead', reason: error.code === 'HANDLER_PROCESS_DIED' ? CRASHED_PROCESS : ATTEMPTS_EXHAUSTED, error }
  }
  const askedMs = Math.min(MAX_ASKED_DELAY_MS, retryAfterMs)
  return { kind: 'retry', afterMs: Math.max(backoffDelayMs(attempt, policy.backoff, random), askedMs), error }
}

/**
 * Decides before a run whether the event has used up its attempts. Undefined: run it. A number beyond the last one
 * means that more attempts were allowed when the event failed last, or that an instance of 0.1 counted deaths.
 */
export function beforeRun(attempt: number, policy: RetryPolicy): Unfinished | undefined {
  if (attempt <= policy.maxAttempts) return undefined
  const error: ErrorRecord = {
    code: 'HANDLER_FAILED',
    message: `attempt ${attempt} would be one too many: ${policy.maxAttempts} are allowed`,
    retryable: true,
  }
  return { kind: 'dead', reason: ATTEMPTS_EXHAUSTED, error }
}

/**
 * Decides before a run on the host's thread whether the process has died too often with the event. Undefined: run it.
 * A function of the host cannot run in a child process, so here every death counts like an attempt, for those beside
 * the guilty one too.
 */
export function whenHostDied(deaths: number, { maxAttempts }: RetryPolicy): Unfinished | undefined {
  if (deaths < maxAttempts) return undefined
  const message = `the process has died ${deaths} times with this event, and a function of the host cannot run apart`
  return { kind: 'dead', reason: CRASHED_PROCESS, error: errorRecord('HANDLER_PROCESS_DIED', message) }
}

/**
 * Decides before a run whether the event is too old to be answered, for example after a long outage. Undefined: run
 * it. A user who asked hours ago no longer expects an answer, and a burst of late answers would startle every chat.
 * Only the first run is refused: an event whose first run began in time gets all its attempts, also when the process
 * died during that run.
 */
export function whenExpired(
  { attempt, deaths, staleMs }: Pick<ClaimedEvent, 'attempt' | 'deaths' | 'staleMs'>,
  maxAgeMs: number,
): Unfinished | undefined {
  if (maxAgeMs === 0 || attempt > 1 || deaths > 0 || !(staleMs > maxAgeMs)) return undefined
  const message =
    `the message was ${inMinutes(staleMs)} old when its turn came, and maxAgeMs allows ${inMinutes(maxAgeMs)};` +
    ' it can be resubmitted'
  return { kind: 'dead', reason: 'expired', error: errorRecord('MESSAGE_EXPIRED', message) }
}
