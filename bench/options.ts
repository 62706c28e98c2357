import { parseArgs } from 'node:util'
import { PLANS, type Plan } from './plan.ts'

export const MEASURE_NAMES = ['micro', 'latency', 'throughput', 'neighbour', 'crash', 'slow', 'growth'] as const

export type MeasureName = (typeof MEASURE_NAMES)[number]

export interface BenchOptions {
  readonly plan: Plan
  readonly measures: readonly MeasureName[]
  /** The folder for results.json and report.html. */
  readonly out: string
}

/** Throws with a sentence for whoever typed it. */
export function readOptions(argv: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      quick: { type: 'boolean', default: false },
      smoke: { type: 'boolean', default: false },
      only: { type: 'string' },
      out: { type: 'string', default: 'dist/bench-results' },
    },
  })
  const measures = values.only?.split(',') ?? [...MEASURE_NAMES]
  const unknown = measures.filter((name) => !(MEASURE_NAMES as readonly string[]).includes(name))
  if (unknown.length > 0) throw new Error(`--only: no ${unknown.join(', ')}; there are ${MEASURE_NAMES.join(', ')}`)
  const plan = PLANS[values.smoke ? 'smoke' : values.quick ? 'quick' : 'full']
  return { plan, measures: measures as MeasureName[], out: values.out }
}
