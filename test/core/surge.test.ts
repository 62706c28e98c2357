import { expect, it } from 'vitest'
import { Surge } from '../../src/core/time/surge.ts'

it('a surge begins at its limit and is over when less than half of that came within a period', () => {
  const surge = new Surge({ count: 10, periodMs: 1_000 })
  surge.add(9, 50)
  expect(surge.isOn(60)).toBe(false)
  surge.add(1, 900)
  expect(surge.isOn(900)).toBe(true)
  surge.add(5, 1_100)
  // The first nine are out of the period: six are left, more than half.
  expect(surge.count(1_100)).toBe(6)
  expect(surge.isOn(1_100)).toBe(true)
  expect(surge.isOn(1_950)).toBe(true)
  expect(surge.isOn(2_150)).toBe(false)
  surge.add(9, 2_200)
  expect(surge.isOn(2_200)).toBe(false)
})

it('a surge of a single event is over after a period without one', () => {
  const surge = new Surge({ count: 1, periodMs: 60_000 })
  expect(surge.isOn(0)).toBe(false)
  surge.add(1, 1_000)
  expect(surge.isOn(1_000)).toBe(true)
  expect(surge.isOn(59_000)).toBe(true)
  expect(surge.isOn(61_000)).toBe(false)
})
