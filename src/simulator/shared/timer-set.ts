import { type Clock, systemClock } from '../../core/time/clock.ts'

/** A clock that can be stopped. A stop cancels all timers, and later timers never run. */
export class TimerSet implements Clock {
  readonly #cancels = new Set<() => void>()
  #isStopped = false

  now(): number {
    return systemClock.now()
  }

  after(delayMs: number, run: () => void): () => void {
    if (this.#isStopped) return () => {}
    const cancelTimer = systemClock.after(delayMs, () => {
      this.#cancels.delete(cancel)
      run()
    })
    const cancel = (): void => {
      this.#cancels.delete(cancel)
      cancelTimer()
    }
    this.#cancels.add(cancel)
    return cancel
  }

  stop(): void {
    this.#isStopped = true
    for (const cancel of this.#cancels) cancel()
  }
}
