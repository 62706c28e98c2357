import type { Clock } from '../../src/core/time/clock.ts'
import type { MemoryStore } from './memory-store.ts'
import type { Plant } from './planted-bugs.ts'

export const LEASE_MS = 10_000

/** Which owners may hold work, by the rules of the real instance store. */
export class Leases {
  readonly #store: MemoryStore
  readonly #clock: Clock
  readonly #plant: Plant
  readonly #onRevoked: (owner: string) => void
  readonly #expiresAt = new Map<string, number>()

  constructor(store: MemoryStore, clock: Clock, plant: Plant, onRevoked: (owner: string) => void) {
    this.#store = store
    this.#clock = clock
    this.#plant = plant
    this.#onRevoked = onRevoked
  }

  renew(owner: string): void {
    this.#expiresAt.set(owner, this.#clock.now() + LEASE_MS)
  }

  release(owner: string): void {
    this.#expiresAt.delete(owner)
    this.#free(owner)
  }

  /** An owner without a lease counts as expired: a claim may arrive after its instance is gone. */
  rescue(self: string): void {
    const { isImpatient, forgetsLateClaims } = this.#plant
    const owners = forgetsLateClaims ? [] : this.#store.owners()
    for (const owner of new Set([...this.#expiresAt.keys(), ...owners])) {
      if (owner === self) continue
      if (!this.#isExpired(owner)) {
        if (isImpatient) this.#store.rescue(owner)
        continue
      }
      this.#expiresAt.delete(owner)
      this.#free(owner)
    }
  }

  #isExpired(owner: string): boolean {
    return (this.#expiresAt.get(owner) ?? 0) <= this.#clock.now()
  }

  #free(owner: string): void {
    this.#store.rescue(owner)
    this.#onRevoked(owner)
  }
}
