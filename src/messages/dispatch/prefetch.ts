/** Runs that have to be quick before anything is claimed ahead: a message that ends the process does so before. */
const MIN_RUNS = 50

/** Of the newest run in the average. */
const WEIGHT = 0.1

/** What is claimed ahead gets its thread within about this time, milliseconds. */
const MAX_WAIT_MS = 10

const MOST_PER_THREAD = 4

/**
 * How many events are claimed before a thread is free for them. With handlers that end within a millisecond
 * threads would else spend most of their time waiting for the next claim; with slow ones a claim costs nothing
 * by comparison, and what waits in the store can still be taken by whoever is free first.
 */
export class Prefetch {
  #averageMs = 0
  #runCount = 0

  ran(ms: number): void {
    this.#runCount += 1
    this.#averageMs += (ms - this.#averageMs) * WEIGHT
  }

  limit(threads: number): number {
    if (this.#runCount < MIN_RUNS) return 0
    // A clock of whole milliseconds sees many runs as 0.
    return threads * Math.min(MOST_PER_THREAD, Math.floor(MAX_WAIT_MS / Math.max(1, this.#averageMs)))
  }
}
