/** Limit of a `RateAlarm`: `count` events within the last `periodMs` milliseconds. */
export interface RateAlarmLimit {
  readonly count: number
  readonly periodMs: number
}

const SLICES = 10

/**
 * An alarm with hysteresis: raised at `count` events within `periodMs`, cleared below half of that, so that a rate
 * near the limit does not raise it again and again.
 */
export class RateAlarm {
  readonly #limit: RateAlarmLimit
  /** Counts by slice of the period, oldest first. */
  readonly #slices = new Map<number, number>()
  #isOn = false

  constructor(limit: RateAlarmLimit) {
    this.#limit = limit
  }

  add(count: number, now: number): void {
    const slice = this.#sliceOf(now)
    this.#slices.set(slice, (this.#slices.get(slice) ?? 0) + count)
  }

  /** Number of events within the last period. */
  count(now: number): number {
    const oldest = this.#sliceOf(now) - SLICES
    for (const slice of this.#slices.keys()) if (slice <= oldest) this.#slices.delete(slice)
    return [...this.#slices.values()].reduce((sum, count) => sum + count, 0)
  }

  isOn(now: number): boolean {
    const count = this.count(now)
    this.#isOn = count >= (this.#isOn ? this.#limit.count / 2 : this.#limit.count)
    return this.#isOn
  }

  #sliceOf(now: number): number {
    return Math.floor((now * SLICES) / this.#limit.periodMs)
  }
}
