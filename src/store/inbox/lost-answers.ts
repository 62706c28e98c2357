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

/** More than can be in flight; forgetting one means a repeated write answers false, as for a lost fence. */
const MAX_KEYS = 10_000

/**
 * Remembers writes whose answer got lost, e.g. because the connection was cut after the commit. The
 * same write made again must then count as a success when its result is found.
 */
export class UnknownOutcomes {
  readonly #keys = new Set<string>()

  has(key: string): boolean {
    return this.#keys.has(key)
  }

  /** Runs a write; its keys are unknown from a failure until a run of the same write is answered. */
  async watch<T>(keys: readonly string[], write: () => Promise<T>): Promise<T> {
    try {
      const answer = await write()
      for (const key of keys) this.#keys.delete(key)
      return answer
    } catch (thrown) {
      for (const key of keys) this.#keys.add(key)
      for (const key of this.#keys) {
        if (this.#keys.size <= MAX_KEYS) break
        this.#keys.delete(key)
      }
      throw thrown
    }
  }
}
