import { type BackoffPolicy, backoffDelayMs } from '../core/backoff.ts'
import type { ErrorRecord } from '../core/errors.ts'
import type { SendFailure } from '../protocol/data.ts'
import type { EventResult, ReplyResult } from '../store/store.ts'

/** How often something is tried, and how long it waits in between. */
export interface RetryPolicy {
  readonly maxAttempts: number
  readonly backoff: BackoffPolicy
}

type Unfinished<Result> = Extract<Result, { kind: 'retry' | 'dead' }>

const EXHAUSTED = 'attempts_exhausted'

/** Feishu forgets a uuid after an hour; a later retry could be shown twice, so no wait is longer. */
const MAX_ASKED_DELAY_MS = 3_600_000

/** What becomes of an event whose run number `attempt` failed. */
export function afterFailedRun(
  attempt: number,
  error: ErrorRecord,
  policy: RetryPolicy,
  random: number,
): Unfinished<EventResult> {
  if (attempt >= policy.maxAttempts) return { kind: 'dead', reason: EXHAUSTED, error }
  return { kind: 'retry', afterMs: backoffDelayMs(attempt, policy.backoff, random), error }
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

/** What becomes of a reply whose sending number `attempt` failed. */
export function afterFailedSend(
  attempt: number,
  failure: SendFailure,
  policy: RetryPolicy,
  random: number,
): Unfinished<ReplyResult> {
  const { error, logId } = failure
  const ended = { kind: 'dead', error, ...(logId === undefined ? {} : { logId }) } as const
  if (!error.retryable) return { ...ended, reason: 'refused' }
  if (attempt >= policy.maxAttempts) return { ...ended, reason: EXHAUSTED }
  const backoffMs = backoffDelayMs(attempt, policy.backoff, random)
  return { kind: 'retry', afterMs: Math.max(backoffMs, askedDelayMs(failure.retryAfterMs)), error }
}

/** The number comes from the network: nonsense counts as not asked. */
function askedDelayMs(retryAfterMs: number | undefined): number {
  if (retryAfterMs === undefined || !(retryAfterMs > 0)) return 0
  return Math.min(MAX_ASKED_DELAY_MS, Math.round(retryAfterMs))
}
