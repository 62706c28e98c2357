import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blame } from '../../src/messages/pool/blame.ts'
import type { PoolRules } from '../../src/messages/pool/chat-pool-options.ts'
import { place } from '../../src/messages/pool/placement.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { isRight, type Plan, PoolWatch, poolOf, taskOf } from './pool-world.ts'

const SEED = Number(process.env['FC_SEED'] ?? Date.now() % 1_000_000_000)

const plan: fc.Arbitrary<Plan> = fc.record({
  kind: fc.oneof(
    { weight: 6, arbitrary: fc.constant('answers' as const) },
    {
      weight: 4,
      arbitrary: fc.constantFrom('dies', 'dies_unseen', 'blocks', 'never', 'leaves', 'throws_late' as const),
    },
  ),
  ms: fc.integer({ min: 0, max: 900 }),
  blockMs: fc.constantFrom(30, 300, 1_500),
})

const story = fc.array(fc.record({ plan, afterMs: fc.integer({ min: 0, max: 120 }) }), { minLength: 1, maxLength: 14 })

/** Plays a story, with a retry of each run that failed. Returns what was wrong. */
async function faultsOf(runs: readonly { plan: Plan; afterMs: number }[], rules?: PoolRules): Promise<string[]> {
  const clock = new FakeClock()
  const watch = new PoolWatch()
  const pool = poolOf(clock, watch, rules)
  const open = new Set<string>()
  const begin = async (eventId: string, one: Plan, isRetry: boolean): Promise<void> => {
    watch.plans.set(eventId, one)
    open.add(eventId)
    const outcome = await pool.run(taskOf(`bot ${Number(eventId) % 3}`, eventId), 3_000, () => {})
    open.delete(eventId)
    if (!isRight(one, outcome)) watch.faults.push(`${eventId} (${one.kind}) ended as ${JSON.stringify(outcome)}`)
    if (outcome.kind === 'handled') watch.suspects.delete(eventId)
    else if (!isRetry) await begin(eventId, one, true)
  }
  for (const [index, { plan: one, afterMs }] of runs.entries()) {
    await clock.advance(afterMs)
    void begin(`${index}`, one, false)
  }
  for (let n = 0; n < 80 && open.size > 0 && watch.faults.length === 0; n += 1) await clock.advance(1_000)
  if (open.size > 0 && watch.faults.length === 0) watch.faults.push(`${open.size} runs have no outcome`)
  const closed = pool.close(0)
  await clock.advance(2_000)
  await closed
  return watch.faults
}

describe(`who pays when handlers do their worst (seed ${SEED})`, () => {
  const parameters = { seed: SEED, numRuns: 300 }
  const holdsWith = (rules?: PoolRules) =>
    fc.check(
      fc.asyncProperty(story, async (runs) => (await faultsOf(runs, rules)).length === 0),
      { ...parameters, endOnFailure: true },
    )

  it('nobody pays for another, suspects run alone, and every run has its outcome', async () => {
    await fc.assert(
      fc.asyncProperty(story, async (runs) => {
        expect(await faultsOf(runs)).toEqual([])
      }),
      parameters,
    )
  })

  it.each<[string, PoolRules]>([
    [
      'an innocent charged',
      {
        place,
        blame(death) {
          const verdict = blame(death)
          const [first, ...innocent] = verdict.innocent
          return first === undefined ? verdict : { ...verdict, guilty: [...verdict.guilty, first], innocent }
        },
      },
    ],
    [
      'a suspect run beside others',
      {
        place,
        blame(death) {
          const { suspects, innocent, ...rest } = blame(death)
          return { ...rest, suspects: [], innocent: [...innocent, ...suspects] }
        },
      },
    ],
    [
      'others put beside a suspect',
      {
        blame,
        place: (role, threads, limits) =>
          place(role, role === 'shared' ? threads.map((thread) => ({ ...thread, role: 'shared' })) : threads, limits),
      },
    ],
  ])('a planted bug is found: %s', async (_name, rules) => {
    expect((await holdsWith(rules)).failed).toBe(true)
  })
})
