import type { Clock } from './clock.ts'
import { type Deferred, deferred } from './deferred.ts'
import { FeishuSupervisorError } from '../errors.ts'

interface Entry<T> extends Deferred<T> {
  cancelTimer(): void
}

/**
 * Requests that wait for an answer in another message, by integer id.
 *
 * Every entry settles: with its answer, at its deadline, or when the other side is gone (`rejectAll`).
 * Ports and comlink do none of the three.
 */
export class Pending<T> {
  readonly #entries = new Map<number, Entry<T>>()
  readonly #clock: Clock
  #nextId = 1

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#entries.size
  }

  /** Opens a request. `what` completes the error text "no answer within 2500 ms: ...". */
  open(deadlineMs: number, what: string): { id: number; answer: Promise<T> } {
    const id = this.#nextId++
    const cancelTimer = this.#clock.after(deadlineMs, () => {
      this.#remove(id)?.reject(
        new FeishuSupervisorError('DEADLINE_EXCEEDED', `no answer within ${deadlineMs} ms: ${what}`),
      )
    })
    const entry = { ...deferred<T>(), cancelTimer }
    this.#entries.set(id, entry)
    return { id, answer: entry.promise }
  }

  /** Settles a request. Returns false and changes nothing if `id` is unknown, settled or expired. */
  resolve(id: number, value: T): boolean {
    const entry = this.#remove(id)
    entry?.resolve(value)
    return entry !== undefined
  }

  reject(id: number, error: unknown): void {
    this.#remove(id)?.reject(error)
  }

  rejectAll(error: unknown): void {
    for (const id of this.#entries.keys()) this.reject(id, error)
  }

  #remove(id: number): Entry<T> | undefined {
    const entry = this.#entries.get(id)
    entry?.cancelTimer()
    this.#entries.delete(id)
    return entry
  }
}
