/** Restart intensity: at most `intensity` restarts within `periodMs`. */
export interface RestartLimit {
  readonly intensity: number
  readonly periodMs: number
}

/** Restarts that still count: the instants within the period before `now`. Pure. */
export function restartsInWindow(restartedAt: readonly number[], limit: RestartLimit, now: number): number[] {
  return restartedAt.filter((at) => at > now - limit.periodMs)
}
