import type { Clock } from '../../core/time/clock.ts'

/** How long a token is remembered: longer than a statement may still run after its caller gave up. */
const REMEMBER_MS = 60_000

/**
 * Remembers the tokens of claims whose answer got lost. Such a claim may have taken lanes, or may take them a little
 * later. No run works on these lanes while this instance keeps its lease, so they have to be given back.
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

/**
 * Most remembered writes: more than can run at a time. If one is dropped, its repetition returns false, as for a lost
 * fence.
 */
const MAX_KEYS = 10_000

/**
 * Remembers writes whose answer got lost, for example because the connection was cut after the commit. A repetition of
 * such a write must count as a success when its result is found.
 */
export class UnknownOutcomes {
  readonly #keys = new Set<string>()

  has(key: string): boolean {
    return this.#keys.has(key)
  }

  /** Runs a write. After a failure its keys are unknown until the same write gets an answer. */
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
