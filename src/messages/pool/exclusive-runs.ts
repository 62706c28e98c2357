import type { HandlerPool } from './handler-pool.ts'

/** The runs of a pool that have a thread to themselves, with the room that there is for them. */
export class ExclusiveRuns implements HandlerPool {
  readonly capacity: number
  readonly #pool: HandlerPool

  /** `threads`: most threads beside those that runs share. */
  constructor(pool: HandlerPool, threads: number) {
    this.capacity = threads
    this.#pool = pool
  }

  get isFull(): boolean {
    return this.#pool.isFull
  }

  run(...args: Parameters<HandlerPool['run']>): ReturnType<HandlerPool['run']> {
    return this.#pool.run(...args)
  }

  close(graceMs: number): Promise<void> {
    return this.#pool.close(graceMs)
  }
}
