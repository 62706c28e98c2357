import { createHistogram } from 'node:perf_hooks'

/** Milliseconds at some percentiles of a set of latencies. */
export interface Percentiles {
  readonly count: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

/** What a set of latencies looks like, in milliseconds. */
export interface Distribution extends Percentiles {
  /** [percent, milliseconds], denser towards 100. */
  readonly curve: readonly (readonly [number, number])[]
}

const CURVE = [0, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.9, 99.95, 99.99]

/** An HDR histogram (Node's own, microseconds with three significant figures) tells the percentiles. */
export function distribution(latenciesMs: readonly number[]): Distribution {
  const histogram = createHistogram({ lowest: 1, highest: 3_600_000_000, figures: 3 })
  for (const ms of latenciesMs) histogram.record(Math.max(1, Math.round(ms * 1_000)))
  const at = (percent: number): number => (histogram.count === 0 ? 0 : round(histogram.percentile(percent) / 1_000))
  return {
    count: histogram.count,
    p50: at(50),
    p90: at(90),
    p99: at(99),
    p999: at(99.9),
    max: histogram.count === 0 ? 0 : round(histogram.max / 1_000),
    // Above 1 - 1/n there is nothing but the maximum.
    curve: CURVE.filter((percent) => Math.round(histogram.count * (100 - percent)) >= 100).map((percent) => [
      percent,
      at(percent === 0 ? 0.001 : percent),
    ]),
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** The median over the repeats of a run, and the least and the largest of them. */
export interface Spread {
  readonly value: number
  readonly least: number
  readonly most: number
}

export function spread(values: readonly number[]): Spread {
  return { value: round(median(values)), least: round(Math.min(...values)), most: round(Math.max(...values)) }
}

/** Repeat by repeat, because what disturbs one repeat disturbs both sides of it. */
export function ratio(values: readonly number[], baseline: readonly number[]): Spread {
  return spread(values.map((value, repeat) => value / (baseline[repeat] ?? Number.NaN)))
}

/** To three digits after the point: more would pretend. */
export function round(value: number): number {
  return Math.round(value * 1_000) / 1_000
}
