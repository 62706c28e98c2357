import type { Clock } from '../time/clock.ts'
import type { Pulse } from './heartbeat.ts'

/** When a thread counts as hung; in milliseconds. */
export interface HangLimits {
  /** A thread shows this often that its event loop turns. Default 1 000. */
  readonly heartbeatMs: number
  /** One that computes without showing it for so long is replaced. Default 10 000. */
  readonly hangAfterMs: number
}

/** What is known of a thread after the last look. */
export interface WatchdogState {
  readonly beats: number
  /** Time that counts against it since its last beat. */
  readonly stillMs: number
}

/** Above this the thread computed or sat in native code; a loop that waits is not hung. */
const BUSY = 0.9

/**
 * Weighs one look at a thread, `elapsedMs` after the one before. Pure.
 *
 * A look that comes late says nothing: then the watcher, the machine or the whole process stood still,
 * and a healthy thread had no chance to beat.
 */
export function observe(
  watch: WatchdogState,
  pulse: Pick<Pulse, 'beats' | 'utilization'>,
  elapsedMs: number,
  heartbeatMs: number,
): WatchdogState {
  if (pulse.beats !== watch.beats || pulse.utilization < BUSY) return { beats: pulse.beats, stillMs: 0 }
  if (elapsedMs < 0 || elapsedMs > 2 * heartbeatMs) return watch
  return { beats: watch.beats, stillMs: watch.stillMs + elapsedMs }
}

/** Looks at a thread at every heartbeat and calls `hung` once if it hangs. Returns the function that ends the watch. */
export function startWatchdog(
  pulse: () => Pick<Pulse, 'beats' | 'utilization'>,
  { heartbeatMs, hangAfterMs }: HangLimits,
  clock: Clock,
  hung: () => void,
): () => void {
  let watch: WatchdogState = { beats: pulse().beats, stillMs: 0 }
  let cancel = (): void => {}
  const lookAgain = (): void => {
    const lookedAt = clock.now()
    cancel = clock.after(heartbeatMs, () => {
      watch = observe(watch, pulse(), clock.now() - lookedAt, heartbeatMs)
      if (watch.stillMs < hangAfterMs) lookAgain()
      else hung()
    })
  }
  lookAgain()
  return () => cancel()
}
