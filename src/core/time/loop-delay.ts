import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

const RESOLUTION_MS = 20
const NANOSECONDS = 1e9

/** Measures the delay of timers in the event loop of the calling thread. */
export class LoopDelay {
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })

  constructor() {
    this.#histogram.enable()
  }

  /** Delay since the last call, in seconds. */
  take(): { readonly mean: number; readonly max: number } {
    const { mean, max } = this.#histogram
    this.#histogram.reset()
    return { mean: seconds(mean), max: seconds(max) }
  }

  close(): void {
    this.#histogram.disable()
  }
}

/** Node measures from one sample to the next, so an idle loop shows the resolution. Without a sample the value is NaN. */
function seconds(nanoseconds: number): number {
  return Number.isFinite(nanoseconds) ? Math.max(0, nanoseconds / NANOSECONDS - RESOLUTION_MS / 1_000) : 0
}
