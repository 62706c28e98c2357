import { expect, it } from 'vitest'
import { RateAlarm } from '../../src/core/time/rate-alarm.ts'

it('an alarm begins at its limit and is over when less than half of that came within a period', () => {
  const alarm = new RateAlarm({ count: 10, periodMs: 1_000 })
  alarm.add(9, 50)
  expect(alarm.isOn(60)).toBe(false)
  alarm.add(1, 900)
  expect(alarm.isOn(900)).toBe(true)
  alarm.add(5, 1_100)
  // The first nine are out of the period: six are left, more than half.
  expect(alarm.count(1_100)).toBe(6)
  expect(alarm.isOn(1_100)).toBe(true)
  expect(alarm.isOn(1_950)).toBe(true)
  expect(alarm.isOn(2_150)).toBe(false)
  alarm.add(9, 2_200)
  expect(alarm.isOn(2_200)).toBe(false)
})

it('an alarm of a single event is over after a period without one', () => {
  const alarm = new RateAlarm({ count: 1, periodMs: 60_000 })
  expect(alarm.isOn(0)).toBe(false)
  alarm.add(1, 1_000)
  expect(alarm.isOn(1_000)).toBe(true)
  expect(alarm.isOn(59_000)).toBe(true)
  expect(alarm.isOn(61_000)).toBe(false)
})
