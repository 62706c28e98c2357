import { backoffDelayMs, type BackoffPolicy } from '../time/backoff.ts'
import type { ExitReason } from './exit-reason.ts'

/** Rules for restarting threads. All durations in milliseconds. */
export interface RestartPolicy {
  /** More restarts than this within the period park the child as `failed`. Default 5 in 60 000. */
  readonly limit: RestartLimit
  /** Wait from the second restart in a row on. The first restart after a stable run is immediate. Default 500 ms x2 to 30 s, 20 % jitter. */
  readonly backoff: BackoffPolicy
  /** A run of this length counts as stable: the next crash starts the backoff anew. Default 60 000. */
  readonly stableAfterMs: number
  /** Longest start. A worker that is not ready after it is killed. Default 15 000. */
  readonly startTimeoutMs: number
}

export type RestartDecision =
  | {
      readonly kind: 'restart'
      readonly startAt: number
      readonly attempt: number
      readonly restartedAt: readonly number[]
    }
  | { readonly kind: 'fail'; readonly why: string }

/**
 * Decides the next step after a thread ended without an order to stop. Pure.
 *
 * Differences to an OTP supervisor: siblings are never affected; a child that exceeds its intensity parks alone;
 * repeated restarts wait.
 */
export function decideRestart(
  reason: ExitReason,
  history: { readonly restartedAt: readonly number[]; readonly attempt: number; readonly ranForMs: number },
  policy: RestartPolicy,
  now: number,
  random: number,
): RestartDecision {
  if (reason === 'rejected') {
    return { kind: 'fail', why: 'the worker cannot run with its settings: correct them, then restart the bot' }
  }
  const recent = restartsInWindow(history.restartedAt, policy.limit, now)
  if (recent.length >= policy.limit.intensity) {
    return {
      kind: 'fail',
      why: `the worker ended ${recent.length + 1} times within ${policy.limit.periodMs / 1000} s: fix the cause, then restart the bot`,
    }
  }
  const attempt = history.ranForMs >= policy.stableAfterMs ? 1 : history.attempt + 1
  const delayMs = attempt === 1 ? 0 : backoffDelayMs(attempt - 1, policy.backoff, random)
  return { kind: 'restart', startAt: now + delayMs, attempt, restartedAt: [...recent, now] }
}

/** Restart intensity: at most `intensity` restarts within `periodMs`. */
export interface RestartLimit {
  readonly intensity: number
  readonly periodMs: number
}

/** Restarts that still count: the instants within the period before `now`. Pure. */
export function restartsInWindow(restartedAt: readonly number[], limit: RestartLimit, now: number): number[] {
  return restartedAt.filter((at) => at > now - limit.periodMs)
}
