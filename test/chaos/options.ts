import { parseArgs } from 'node:util'
import type { PlantedBug } from '../../src/core/crash-point.ts'
import { NEMESES, type NemesisName } from './nemeses.ts'

export interface ChaosOptions {
  /** Traffic and faults go on this long; the drain afterwards has its own bound. */
  readonly seconds: number
  readonly seed: number
  readonly store: 'pglite' | 'postgres'
  readonly nemeses: readonly NemesisName[]
  readonly plant?: PlantedBug
}

const PLANTS = ['early-ack', 'no-uuid', 'no-fence'] as const

/** Throws with a sentence for whoever typed it. */
export function readOptions(argv: readonly string[]): ChaosOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 1e9)) },
      store: { type: 'string' },
      nemesis: { type: 'string' },
      plant: { type: 'string' },
    },
  })
  const seconds = positive('seconds', values.seconds)
  const seed = positive('seed', values.seed)
  const plant = PLANTS.find((name) => name === values.plant)
  if (values.plant !== undefined && plant === undefined) throw new Error(`--plant takes ${PLANTS.join(', ')}`)
  // Fences keep a second owner out, and the embedded database has one owner at a time.
  const { store = plant === 'no-fence' ? 'postgres' : 'pglite' } = values
  if (plant === 'no-fence' && store === 'pglite') throw new Error('--plant no-fence needs --store postgres')
  if (store !== 'pglite' && store !== 'postgres') throw new Error('--store takes pglite or postgres')
  const possible = NEMESES.filter(({ stores }) => (stores as readonly string[]).includes(store)).map(({ name }) => name)
  const others = possible.filter((name) => name !== 'slow')
  const named = values.nemesis?.split(',') ?? others
  // Slow handlers alone would show nothing: they are what everything else strikes.
  const nemeses = named.join() === 'slow' ? [...named, ...others] : named
  const unknown = nemeses.filter((name) => !(possible as readonly string[]).includes(name))
  if (unknown.length > 0)
    throw new Error(`--nemesis: no ${unknown.join(', ')} on ${store}; there are ${possible.join(', ')}`)
  return { seconds, seed, store, nemeses: nemeses as NemesisName[], ...(plant === undefined ? {} : { plant }) }
}

function positive(name: string, value: string): number {
  const number = Number(value)
  if (!Number.isInteger(number) || number < 1) throw new Error(`--${name} takes a whole number from 1`)
  return number
}
