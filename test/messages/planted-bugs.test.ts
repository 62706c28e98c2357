import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { longSchedules, play, schedules } from './lifecycle-schedule.ts'
import { PLANTED_BUGS } from './planted-bugs.ts'

const MOST_RUNS = 1_000

it.each(Object.entries(PLANTED_BUGS))(
  'the property notices code that %s',
  async (name, plant) => {
    let found: readonly string[] = []
    const property = fc.asyncProperty(plant.isLong ? longSchedules : schedules, async (schedule) => {
      found = await play(schedule, plant)
      return found.length === 0
    })
    const { failed, numRuns, seed } = await fc.check(property, { numRuns: MOST_RUNS, seed: 1, endOnFailure: true })
    process.stdout.write(`${name}: noticed after ${numRuns} runs (${found[0]}), seed ${seed}\n`)
    expect(failed).toBe(true)
  },
  60_000,
)
