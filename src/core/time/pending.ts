import type { Clock } from './clock.ts'
import { type Deferred, deferred } from './deferred.ts'
import { FeishuSupervisorError } from '../errors.ts'

interface Entry<T> extends Deferred<T> {
  cancelTimer(): void
}

/**
 * Requests that wait for an answer carried by another message, by integer id.
 *
 * Every entry settles: by its answer, by its deadline, or because the other side is gone
 * (`rejectAll`). Ports and comlink give none of the three by themselves.
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

  /** Opens a request; `what` completes the sentence "no answer within 2500 ms: ...". */
  open(deadlineMs: number, what: string): { id: number; answer: Promise<T> } {
    const id = this.#nextId++
    const cancelTimer = this.#clock.after(deadlineMs, () => {
      this.#take(id)?.reject(
        new FeishuSupervisorError('DEADLINE_EXCEEDED', `no answer within ${deadlineMs} ms: ${what}`),
      )
    })
    const entry = { ...deferred<T>(), cancelTimer }
    this.#entries.set(id, entry)
    return { id, answer: entry.promise }
  }

  /** Answers of unknown, settled or expired ids change nothing, and are false. */
  resolve(id: number, value: T): boolean {
    const entry = this.#take(id)
    entry?.resolve(value)
    return entry !== undefined
  }

  reject(id: number, error: unknown): void {
    this.#take(id)?.reject(error)
  }

  rejectAll(error: unknown): void {
    for (const id of this.#entries.keys()) this.reject(id, error)
  }

  #take(id: number): Entry<T> | undefined {
    const entry = this.#entries.get(id)
    entry?.cancelTimer()
    this.#entries.delete(id)
    return entry
  }
}
