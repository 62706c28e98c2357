/**
 * Typed emitter. Listeners cannot throw into the emitting code: an error of a listener goes to `onListenerError`,
 * and the other listeners still run.
 */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>()
  readonly #onListenerError: (thrown: unknown) => void

  constructor(onListenerError: (thrown: unknown) => void) {
    this.#onListenerError = onListenerError
  }

  /** Returns the function that removes the listener. */
  on<K extends keyof Events>(name: K, listener: (event: Events[K]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners)
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  emit<K extends keyof Events>(name: K, event: Events[K]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        ;(listener as (event: Events[K]) => void)(event)
      } catch (thrown) {
        this.#onListenerError(thrown)
      }
    }
  }
}
