import type { Clock } from '../time/clock.ts'
import type { Pulse } from './heartbeat.ts'

/** Limits above which a thread counts as hung, in milliseconds. */
export interface HangLimits {
  /** Interval between two beats of a thread's event loop. Default 1 000. */
  readonly heartbeatMs: number
  /** A thread that computes this long without a beat is replaced. Default 10 000. */
  readonly hangAfterMs: number
}

/** State of the watch after the last observation of a thread. */
export interface WatchdogState {
  readonly beats: number
  /** Time since the last beat that counts against the thread, milliseconds. */
  readonly stillMs: number
}

/** Utilization above which the thread computed or was in native code. A loop that waits is not hung. */
const BUSY = 0.9

/**
 * Adds one observation of a thread, `elapsedMs` after the one before. Pure.
 *
 * A late observation does not count: the watcher, the machine or the whole process stood still, and a healthy thread
 * had no chance to beat.
 */
export function observe(
  state: WatchdogState,
  pulse: Pick<Pulse, 'beats' | 'utilization'>,
  elapsedMs: number,
  heartbeatMs: number,
): WatchdogState {
  if (pulse.beats !== state.beats || pulse.utilization < BUSY) return { beats: pulse.beats, stillMs: 0 }
  if (elapsedMs < 0 || elapsedMs > 2 * heartbeatMs) return state
  return { beats: state.beats, stillMs: state.stillMs + elapsedMs }
}

/** Observes a thread at every heartbeat and calls `onHung` once if the thread hangs, with the time since its last beat. Returns the function that stops. */
export function startWatchdog(
  pulse: () => Pick<Pulse, 'beats' | 'utilization'>,
  { heartbeatMs, hangAfterMs }: HangLimits,
  clock: Clock,
  onHung: (stillMs: number) => void,
): () => void {
  let state: WatchdogState = { beats: pulse().beats, stillMs: 0 }
  let cancel = (): void => {}
  const schedule = (): void => {
    const observedAt = clock.now()
    cancel = clock.after(heartbeatMs, () => {
      state = observe(state, pulse(), clock.now() - observedAt, heartbeatMs)
      if (state.stillMs < hangAfterMs) schedule()
      else onHung(state.stillMs)
    })
  }
  schedule()
  return () => cancel()
}
