import type { Clock } from './clock.ts'

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

  /** As if nothing had been taken in this second. */
  forget(): void {
    this.#taken = 0
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
