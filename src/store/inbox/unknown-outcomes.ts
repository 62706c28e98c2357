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
