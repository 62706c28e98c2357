import { type Clock, systemClock } from '../core/clock.ts'

/** A clock that can take back everything it still owes. */
export class TimerSet implements Clock {
  readonly #cancels = new Set<() => void>()

  now(): number {
    return systemClock.now()
  }

  after(delayMs: number, run: () => void): () => void {
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

  cancelAll(): void {
    for (const cancel of this.#cancels) cancel()
  }
}
