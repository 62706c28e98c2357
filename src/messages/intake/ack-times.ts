/** Most events that are remembered. Above this the oldest is dropped, and its timeline lacks the acknowledgement. */
const MAX_EVENTS = 10_000

/**
 * Remembers when each event was acknowledged until the statement that finishes the event stores it, which saves a
 * write.
 */
export class AckTimes {
  readonly #times = new Map<number, number>()

  add(eventId: number, at: number): void {
    this.#times.set(eventId, at)
    for (const oldest of this.#times.keys()) {
      if (this.#times.size <= MAX_EVENTS) break
      this.#times.delete(oldest)
    }
  }

  take(eventId: number): { readonly ackedAt?: number } {
    const ackedAt = this.#times.get(eventId)
    this.#times.delete(eventId)
    return ackedAt === undefined ? {} : { ackedAt }
  }
}
