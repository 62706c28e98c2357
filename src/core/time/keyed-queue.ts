/** Runs the work of one key in sequence, in the order of the calls. Keys do not wait for each other. */
export class KeyedQueue {
  readonly #last = new Map<string, Promise<unknown>>()

  async run<T>(key: string, run: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve()
    const next = before.then(run, run)
    this.#last.set(key, next)
    try {
      return await next
    } finally {
      if (this.#last.get(key) === next) this.#last.delete(key)
    }
  }
}
