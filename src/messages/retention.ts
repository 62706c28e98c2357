import type { Clock } from '../core/time/clock.ts'
import type { InboxStore } from '../store/store.ts'
import { Sleeper } from './writes/sleeper.ts'

export interface RetentionDeps {
  readonly inbox: Pick<InboxStore, 'prune'>
  /** How long finished events are kept. A redelivery must be recognised during this time. */
  readonly keepMs: number
  readonly everyMs: number
  readonly clock: Clock
}

/** Events of one batch: few enough that a batch holds its locks for only a few milliseconds. */
const BATCH = 500

/** Pause between two batches, in which other statements get the database. */
const PAUSE_MS = 100

/**
 * Latest time of the first round after the start. A process that ends before one interval is over must prune too,
 * but not while it is starting.
 */
const FIRST_ROUND_MS = 60_000

/** Removes finished events that are old enough, in small batches, at intervals. */
export class Retention {
  readonly #deps: RetentionDeps
  readonly #sleeper: Sleeper
  #isRunning = false

  constructor(deps: RetentionDeps) {
    this.#deps = deps
    this.#sleeper = new Sleeper(deps.clock)
  }

  start(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    void this.#run()
  }

  /** Stops at once and for good. Does not wait for a running batch. */
  stop(): void {
    this.#isRunning = false
    this.#sleeper.close()
  }

  async #run(): Promise<void> {
    const { everyMs } = this.#deps
    await this.#sleeper.wait(Math.min(FIRST_ROUND_MS, everyMs)).over
    while (this.#isRunning) {
      await this.#round()
      await this.#sleeper.wait(everyMs).over
    }
  }

  async #round(): Promise<void> {
    const { inbox, keepMs } = this.#deps
    try {
      while (this.#isRunning) {
        const count = await inbox.prune({ olderThanMs: keepMs, limit: BATCH })
        if (count < BATCH) return
        await this.#sleeper.wait(PAUSE_MS).over
      }
    } catch {
      // The store reports its own failures. The next round prunes what this round left.
    }
  }
}
