/** More than can be between two tries at a time; a forgotten reply is counted anew. */
const MAX_REPLIES = 10_000

/**
 * How often each reply was sent since this thread began, by uuid.
 *
 * The store counts claims, which is more: while a bot is away, a reply is claimed every minute, finds no
 * worker and goes back. Counted as attempts, an hour of that would bury it at the first frequency limit
 * it meets once the bot is back.
 */
export class SendTries {
  readonly #counts = new Map<string, number>()

  /** Counts one more and answers how many there are. */
  count(uuid: string): number {
    const tries = (this.#counts.get(uuid) ?? 0) + 1
    this.#counts.set(uuid, tries)
    for (const oldest of this.#counts.keys()) {
      if (this.#counts.size <= MAX_REPLIES) break
      this.#counts.delete(oldest)
    }
    return tries
  }

  forget(uuid: string): void {
    this.#counts.delete(uuid)
  }
}
