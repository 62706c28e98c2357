import type { Clock } from '../../src/core/time/clock.ts'
import type { EventRow, MemoryStore } from './memory-store.ts'
import type { Plant } from './planted-bugs.ts'

export const LEASE_MS = 10_000

/** Told of an owner that lost its work, and of the events among it that were under way. */
type OnRevoked = (owner: string, held: readonly EventRow[]) => void

/** Which owners may hold work, by the rules of the real instance store. */
export class Leases {
  readonly #store: MemoryStore
  readonly #clock: Clock
  readonly #plant: Plant
  readonly #onRevoked: OnRevoked
  readonly #expiresAt = new Map<string, number>()
  readonly #draining = new Set<string>()

  constructor(store: MemoryStore, clock: Clock, plant: Plant, onRevoked: OnRevoked) {
    this.#store = store
    this.#clock = clock
    this.#plant = plant
    this.#onRevoked = onRevoked
  }

  renew(owner: string, isDraining = false): void {
    this.#expiresAt.set(owner, this.#clock.now() + LEASE_MS)
    if (isDraining) this.#draining.add(owner)
    if (!this.#plant.countsLapsedLeases) this.#store.takeBackDeaths(owner)
  }

  release(owner: string): void {
    this.#free(owner, false)
  }

  /** Lets the lease of an owner lapse now. */
  lapse(owner: string): void {
    this.#expiresAt.set(owner, this.#clock.now())
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
      this.#free(owner, this.#expiresAt.has(owner) && !this.#draining.has(owner))
    }
  }

  #isExpired(owner: string): boolean {
    return (this.#expiresAt.get(owner) ?? 0) <= this.#clock.now()
  }

  #free(owner: string, isDeath: boolean): void {
    this.#expiresAt.delete(owner)
    this.#draining.delete(owner)
    const held = this.#store.rows.filter((row) => row.state === 'executing' && row.owner === owner)
    this.#store.rescue(owner, isDeath)
    if (this.#plant.chargesDeaths) for (const row of held) row.attempt += 1
    this.#onRevoked(owner, held)
  }
}
