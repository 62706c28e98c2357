import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { longSchedules, play, schedules } from './lifecycle-schedule.ts'

/** More for a long search: LIFECYCLE_RUNS=20000. A failure prints its seed and the shortest schedule found. */
const RUNS = Number(process.env['LIFECYCLE_RUNS'] ?? 500)

it('one visible reply, no reply or a dead letter, in order, whatever fails when', async () => {
  const property = fc.asyncProperty(schedules, async (schedule) => {
    expect(await play(schedule)).toEqual([])
  })
  await fc.assert(property, { numRuns: RUNS })
}, 600_000)

it('the same when faults last until Feishu has forgotten the uuid; what cannot be known is shown as unknown', async () => {
  const property = fc.asyncProperty(longSchedules, async (schedule) => {
    expect(await play(schedule)).toEqual([])
  })
  await fc.assert(property, { numRuns: Math.ceil(RUNS / 5) })
}, 600_000)
