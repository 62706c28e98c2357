import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

const RESOLUTION_MS = 20
const NANOSECONDS = 1e9

/** How late the event loop of the calling thread came to its timers. */
export class LoopDelay {
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })

  constructor() {
    this.#histogram.enable()
  }

  /** In seconds, since the last call. */
  take(): { readonly mean: number; readonly max: number } {
    const { mean, max } = this.#histogram
    this.#histogram.reset()
    return { mean: seconds(mean), max: seconds(max) }
  }

  close(): void {
    this.#histogram.disable()
  }
}

/** Node counts from one look to the next, so an idle loop shows the resolution; a histogram without a look shows no number. */
function seconds(nanoseconds: number): number {
  return Number.isFinite(nanoseconds) ? Math.max(0, nanoseconds / NANOSECONDS - RESOLUTION_MS / 1_000) : 0
}
