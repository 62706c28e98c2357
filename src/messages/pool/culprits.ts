/** The oldest are forgotten beyond this. */
const MOST = 1_000

/** Events that have ended a thread and have not answered since; they are never among others again before they do. */
export class Culprits {
  readonly #eventKeys = new Set<string>()

  has(eventKey: string | undefined): boolean {
    return eventKey !== undefined && this.#eventKeys.has(eventKey)
  }

  add(eventKey: string | undefined): void {
    if (eventKey === undefined) return
    this.#eventKeys.add(eventKey)
    const [oldest] = this.#eventKeys
    if (this.#eventKeys.size > MOST && oldest !== undefined) this.#eventKeys.delete(oldest)
  }

  answered(eventKey: string | undefined): void {
    if (eventKey !== undefined) this.#eventKeys.delete(eventKey)
  }
}
