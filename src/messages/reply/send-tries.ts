/**
 * Most replies that are counted: more than can be between two tries at a time. The count of a dropped reply begins
 * anew.
 */
const MAX_REPLIES = 10_000

/**
 * Counts how often each reply was sent since this thread began, by uuid.
 *
 * The store counts claims, and there are more of them: while a bot is away, a reply is claimed every minute, finds no
 * worker and goes back. If these claims counted as attempts, one hour of them would make the reply a dead letter at
 * the first frequency limit after the bot is back.
 */
export class SendTries {
  readonly #counts = new Map<string, number>()

  /** Counts one more send and returns the number of sends. */
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
