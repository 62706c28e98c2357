import type { SimulatedApp } from '../../../src/simulator/shared/app-directory.ts'
import { join } from 'node:path'
import type { ModelOrders } from '../../parties/model.ts'
import { Party } from '../../process/party.ts'
import type { World } from '../../process/world.ts'
import { BOTS, type Run, withWorlds } from '../../run.ts'

/** A supervisor whose bots have parts. */
export interface SlowWorld {
  readonly world: World
  readonly model: Party<ModelOrders>
  /** What the streaming bots are told, see model.ts. */
  readonly streamText: (deed: string) => string
  readonly quick: readonly SimulatedApp[]
  readonly burning: readonly SimulatedApp[]
  /** Ten of them each. */
  readonly others: readonly SimulatedApp[]
  readonly streaming: readonly SimulatedApp[]
}

const PATIENCE_MS = 60_000
const LOOK_MS = 50

export async function withSlowWorld<T>(run: Run, use: (world: SlowWorld) => Promise<T>): Promise<T> {
  const model = await Party.start<ModelOrders>(join(run.ground.built, 'model.mjs'), {})
  try {
    const streaming = { bots: BOTS, handler: join(run.ground.built, 'stream-handler.mjs') }
    const modelUrl = await model.order('url')
    const options = { subject: 'supervisor', bots: 2 * BOTS + 2, isUnlimited: true, streaming } as const
    return await withWorlds(run, { slow: options }, async ({ slow: world }) => {
      const { apps } = world
      return await use({
        world,
        model,
        streamText: (deed) => `stream ${modelUrl} ${deed}`,
        quick: apps.slice(0, 1),
        burning: apps.slice(1, 2),
        others: apps.slice(2, 2 + BOTS),
        streaming: apps.slice(2 + BOTS),
      })
    })
  } finally {
    await model.end()
  }
}

/** Asks until there are so many. */
export async function until(what: string, wanted: number, count: () => Promise<number>): Promise<void> {
  for (const endAt = performance.now() + PATIENCE_MS; ; ) {
    const counted = await count()
    if (counted === wanted) return
    if (performance.now() > endAt) throw new Error(`${what}: ${counted}, expected ${wanted}`)
    await pause(LOOK_MS)
  }
}

/** A run ends a little after its reply is seen; a streamed one long after its first text is. */
export async function untilIdle({ subject }: World): Promise<void> {
  await until('runs under way', 0, () => subject.order('busyRuns'))
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
