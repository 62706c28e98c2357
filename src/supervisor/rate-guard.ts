import type { Clock } from '../core/clock.ts'

/** What a worker may print, characters; the rest is dropped. */
export const PRINTS_PER_SECOND = 65_536

/** What a worker may log, lines; the rest is dropped. Thousands of refused events are not its fault. */
export const LOGS_PER_SECOND = 1_000

/** What a worker may tell in all; one that exceeds it would keep the supervisor from everything else. */
export const SIGNALS_PER_SECOND = 50_000

/** How much may come within a second; what is above it is refused until the second is over. */
export class RateGuard {
  readonly #perSecond: number
  readonly #clock: Clock
  #second = 0
  #taken = 0

  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond
    this.#clock = clock
  }

  /** `refused`: nothing was taken. `exceeded`: the same, for the first time in this second. */
  take(amount: number): 'taken' | 'exceeded' | 'refused' {
    const second = Math.floor(this.#clock.now() / 1_000)
    if (second !== this.#second) {
      this.#second = second
      this.#taken = 0
    }
    const wasFull = this.#taken > this.#perSecond
    this.#taken += amount
    if (this.#taken <= this.#perSecond) return 'taken'
    return wasFull ? 'refused' : 'exceeded'
  }
}
