import type { Clock } from './clock.ts'

/** Limit per second. Amounts above the limit are refused until the second is over. */
export class RateGuard {
  readonly #perSecond: number
  readonly #clock: Clock
  #second = 0
  #taken = 0

  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond
    this.#clock = clock
  }

  /** Resets the count of this second. */
  forget(): void {
    this.#taken = 0
  }

  /** Counts `amount`. `exceeded`: the first refusal of this second. `refused`: any later one. */
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
