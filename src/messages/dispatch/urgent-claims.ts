import type { ClaimedEvent } from '../../store/store.ts'

/**
 * Claims urgent events in order, ahead of all others. Each is claimed by its id as soon as there is room. If the
 * claim fails or comes too late, the claim loop takes the event as an ordinary one.
 */
export class UrgentClaims {
  readonly #claim: (eventId: number) => Promise<ClaimedEvent | null>
  readonly #claimed: (event: ClaimedEvent | null) => void
  readonly #waiting: number[] = []
  readonly #claims = new Set<Promise<void>>()

  /** `claimed` gets null when the event could not be claimed. */
  constructor(claim: (eventId: number) => Promise<ClaimedEvent | null>, claimed: (event: ClaimedEvent | null) => void) {
    this.#claim = claim
    this.#claimed = claimed
  }

  /** Number of running claims. Each may begin a run. */
  get count(): number {
    return this.#claims.size
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0
  }

  add(eventId: number): void {
    this.#waiting.push(eventId)
  }

  /** Starts one claim per run that there is room for, less the claims already running. */
  fill(free: number): void {
    for (const eventId of this.#waiting.splice(0, Math.max(0, free - this.count))) {
      const claim = this.#claim(eventId)
        .catch(() => null)
        .then((event) => {
          this.#claims.delete(claim)
          this.#claimed(event)
        })
      this.#claims.add(claim)
    }
  }

  /** Resolves when the running claims have ended. */
  async idle(): Promise<void> {
    await Promise.all(this.#claims)
  }
}
