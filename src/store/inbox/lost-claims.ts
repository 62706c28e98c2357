import type { Clock } from '../../core/time/clock.ts'

/** Longer than a statement may still be running after its caller gave up. */
const REMEMBER_MS = 60_000

/**
 * Tokens of claims whose answer got lost. Such a claim may have taken lanes, now or a little later,
 * that nobody works on while this instance keeps its lease; they have to be given back.
 */
export class LostClaims {
  readonly #lostAt = new Map<string, number>()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(token: string): void {
    this.#lostAt.set(token, this.#clock.now())
  }

  tokens(): string[] {
    for (const [token, at] of this.#lostAt) if (at < this.#clock.now() - REMEMBER_MS) this.#lostAt.delete(token)
    return [...this.#lostAt.keys()]
  }
}
