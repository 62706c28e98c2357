import type { ClaimedEvent } from '../../store/store.ts'

/**
 * Events that go ahead of all others, in order. Each is claimed by its id as soon as a thread is free;
 * a claim that fails or comes too late leaves an ordinary event to the claim loop.
 */
export class UrgentClaims {
  readonly #claim: (eventId: number) => Promise<ClaimedEvent | null>
  readonly #claimed: (event: ClaimedEvent | null) => void
  readonly #waiting: number[] = []
  readonly #claims = new Set<Promise<void>>()

  /** `claimed` gets null when the event is not ours to run. */
  constructor(claim: (eventId: number) => Promise<ClaimedEvent | null>, claimed: (event: ClaimedEvent | null) => void) {
    this.#claim = claim
    this.#claimed = claimed
  }

  /** Claims on their way: each may fill a thread. */
  get count(): number {
    return this.#claims.size
  }

  add(eventId: number): void {
    this.#waiting.push(eventId)
  }

  /** Begins as many claims as there are threads without work and without a claim that may fill them. */
  fill(freeThreads: number): void {
    for (const eventId of this.#waiting.splice(0, Math.max(0, freeThreads - this.count))) {
      const claim = this.#claim(eventId)
        .catch(() => null)
        .then((event) => {
          this.#claims.delete(claim)
          this.#claimed(event)
        })
      this.#claims.add(claim)
    }
  }

  /** Resolves when no claim is on its way. */
  async idle(): Promise<void> {
    await Promise.all(this.#claims)
  }
}
