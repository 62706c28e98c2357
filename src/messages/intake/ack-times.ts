/** Above this the oldest is forgotten: its timeline lacks the acknowledgement. */
const MAX_EVENTS = 10_000

/**
 * When the acknowledgement of each event was let go, until the event is finished: it is written down in the
 * statement that does that, so that it costs none of its own.
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
