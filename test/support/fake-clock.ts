import type { Clock } from '../../src/core/time/clock.ts'

interface Timer {
  readonly at: number
  readonly run: () => void
}

/** Time that only moves when the test says so. */
export class FakeClock implements Clock {
  readonly #timers = new Set<Timer>()
  #now = 1_700_000_000_000

  now(): number {
    return this.#now
  }

  get timerCount(): number {
    return this.#timers.size
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, delayMs), run }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Moves on by `ms`; timers fire in order, and everything they set off has run before the next one. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms
    await settle()
    for (let next = this.#next(until); next !== undefined; next = this.#next(until)) {
      this.#timers.delete(next)
      this.#now = next.at
      next.run()
      await settle()
    }
    this.#now = until
  }

  #next(until: number): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers) if (timer.at <= until && (next === undefined || timer.at < next.at)) next = timer
    return next
  }
}

/** Lets every promise that can settle without time or threads do so. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
