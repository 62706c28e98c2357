/** Runs that must have ended before the first prefetch. A message that ends the process does so before that. */
const MIN_RUNS = 50

/** Weight of the newest run in the moving average of run times. */
const WEIGHT = 0.1

/** Time within which a prefetched event should begin, in milliseconds. */
const MAX_WAIT_MS = 10

const MOST_PER_THREAD = 4

const MOST = 32

/**
 * Decides how many events are claimed before there is room for them. With handlers that end within a
 * millisecond, threads would otherwise spend most of their time waiting for the next claim. With slow handlers a
 * claim costs little by comparison, and events that wait in the store can be taken by any instance that is free.
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
    // With a clock of whole milliseconds many runs take 0 ms.
    const perThread = Math.min(MOST_PER_THREAD, Math.floor(MAX_WAIT_MS / Math.max(1, this.#averageMs)))
    return Math.min(MOST, threads * perThread)
  }
}
