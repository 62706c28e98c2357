import { expect, it } from 'vitest'
import { Prefetch } from '../../src/messages/dispatch/prefetch.ts'

function after(...runsMs: readonly number[]): Prefetch {
  const ahead = new Prefetch()
  for (const ms of runsMs) ahead.ran(ms)
  return ahead
}

const quick = Array.from({ length: 60 }, () => 1)

it('claims nothing ahead before many runs have been quick', () => {
  expect(after().limit(4)).toBe(0)
  expect(after(...quick.slice(0, 40)).limit(4)).toBe(0)
  expect(after(...quick).limit(4)).toBe(16)
})

it('claims nothing ahead of slow handlers, nor of quick ones that became slow', () => {
  expect(after(...quick.map(() => 3_000)).limit(4)).toBe(0)
  expect(after(...quick, 3_000).limit(4)).toBe(0)
})

it('claims less ahead of slower handlers', () => {
  expect(after(...quick.map(() => 5)).limit(4)).toBe(8)
})
