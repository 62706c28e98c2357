import type { Clock } from '../../core/time/clock.ts'
import { deferred } from '../../core/time/deferred.ts'

/** One wait: over after its time or when somebody ends it. */
export interface Nap {
  readonly over: Promise<void>
  end(): void
}

/** Waits that can all be ended at once, so that nothing keeps a timer after it stopped. */
export class Sleeper {
  readonly #clock: Clock
  readonly #naps = new Set<Nap>()
  #isClosed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  nap(ms: number): Nap {
    const { promise, resolve } = deferred()
    const end = (): void => {
      cancelTimer()
      this.#naps.delete(nap)
      resolve()
    }
    const nap: Nap = { over: promise, end }
    const cancelTimer = this.#clock.after(ms, end)
    this.#naps.add(nap)
    if (this.#isClosed) end()
    return nap
  }

  /** True when `work` settled within `ms`; its error is the caller's business, where it awaits `work` itself. */
  async within(ms: number, work: Promise<unknown>): Promise<boolean> {
    const nap = this.nap(ms)
    const settled = work.then(
      () => true,
      () => true,
    )
    const isSettled = await Promise.race([settled, nap.over.then(() => false)])
    nap.end()
    return isSettled
  }

  /** Ends every wait; later ones are over at once. */
  close(): void {
    this.#isClosed = true
    for (const nap of this.#naps) nap.end()
  }
}
