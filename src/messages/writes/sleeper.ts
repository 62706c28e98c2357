import type { Clock } from '../../core/time/clock.ts'
import { deferred } from '../../core/time/deferred.ts'

/** One wait. `over` resolves after its time, or when `end` is called. */
export interface Wait {
  readonly over: Promise<void>
  end(): void
}

/** Starts waits that can all be ended at once, so that no timer is left after a stop. */
export class Sleeper {
  readonly #clock: Clock
  readonly #waits = new Set<Wait>()
  #isClosed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  wait(ms: number): Wait {
    const { promise, resolve } = deferred()
    const end = (): void => {
      cancelTimer()
      this.#waits.delete(wait)
      resolve()
    }
    const wait: Wait = { over: promise, end }
    const cancelTimer = this.#clock.after(ms, end)
    this.#waits.add(wait)
    if (this.#isClosed) end()
    return wait
  }

  /**
   * Resolves to true when `work` settles within `ms`. An error of `work` is ignored here: the caller awaits `work` for
   * it.
   */
  async within(ms: number, work: Promise<unknown>): Promise<boolean> {
    const wait = this.wait(ms)
    const settled = work.then(
      () => true,
      () => true,
    )
    const isSettled = await Promise.race([settled, wait.over.then(() => false)])
    wait.end()
    return isSettled
  }

  /** Ends every wait. Later waits end at once. */
  close(): void {
    this.#isClosed = true
    for (const wait of this.#waits) wait.end()
  }
}
