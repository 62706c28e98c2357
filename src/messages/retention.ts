import type { Clock } from '../core/time/clock.ts'
import type { InboxStore } from '../store/store.ts'
import { Sleeper } from './writes/sleeper.ts'

export interface RetentionDeps {
  readonly inbox: Pick<InboxStore, 'prune'>
  /** Finished events are kept for so long: a redelivery of them must be known as one. */
  readonly keepMs: number
  readonly everyMs: number
  readonly clock: Clock
}

/** A batch holds its locks for a few milliseconds. */
const BATCH = 500

/** Between two batches whoever waits for the database has his turn. */
const PAUSE_MS = 100

/** A process that never lives for a whole interval has to prune too, but not while it is starting. */
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

  /** At once and for good; a batch on its way is not waited for. */
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
      // The store says elsewhere what is wrong with it; the next round finds what this one left.
    }
  }
}
