import type { Clock } from '../../core/time/clock.ts'
import { deferred } from '../../core/time/deferred.ts'

/** One wait: over after its time or when somebody ends it. */
export interface Wait {
  readonly over: Promise<void>
  end(): void
}

/** Waits that can all be ended at once, so that nothing keeps a timer after it stopped. */
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

  /** True when `work` settled within `ms`; its error is the caller's business, where it awaits `work` itself. */
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

  /** Ends every wait; later ones are over at once. */
  close(): void {
    this.#isClosed = true
    for (const wait of this.#waits) wait.end()
  }
}
