import { expect, it } from 'vitest'
import type { InstanceStore, Store } from '../../../src/store/store.ts'
import { StoreSession } from '../../../workers/supervisor/store/store-session.ts'
import { FakeClock } from '../../support/fake-clock.ts'

function sessionOf(clock: FakeClock, more: Partial<InstanceStore>, rescued = () => {}): StoreSession {
  const instances: InstanceStore = {
    renew: () => Promise.resolve(),
    release: () => Promise.resolve(),
    rescue: () => Promise.resolve({ rescued: 0 }),
    ...more,
  }
  return new StoreSession({
    open: () => Promise.resolve({ kind: 'postgres', instances, close: () => Promise.resolve() } as unknown as Store),
    opened: () => Promise.resolve(),
    changed: () => {},
    rescued,
    instanceId: 'me',
    supersedes: 'before',
    leaseMs: 3_000,
    clock,
    random: () => 0.5,
  })
}

it('tells of work that a rescue freed, and of nothing else', async () => {
  const clock = new FakeClock()
  let freed = 0
  let tellings = 0
  const session = sessionOf(clock, { rescue: () => Promise.resolve({ rescued: freed }) }, () => {
    tellings += 1
  })
  await session.start()
  await clock.advance(1_000)
  expect(tellings).toBe(0)
  freed = 2
  await clock.advance(1_000)
  expect(tellings).toBe(1)
  freed = 0
  await clock.advance(1_000)
  expect(tellings).toBe(1)
  await session.close()
  expect(clock.timerCount).toBe(0)
})

it('takes over from the instance before it as from one that died', async () => {
  const clock = new FakeClock()
  const rescues: unknown[] = []
  const session = sessionOf(clock, {
    rescue(...order) {
      rescues.push(order)
      return Promise.resolve({ rescued: 0 })
    },
  })
  await session.start()
  expect(rescues).toEqual([['me', false, 'before']])
  await session.close()
})

it('stores that it drains before the stop goes on, and again with each renewal', async () => {
  const clock = new FakeClock()
  const marks: unknown[] = []
  const session = sessionOf(clock, {
    renew(_id, _leaseMs, isDraining) {
      marks.push(isDraining)
      return Promise.resolve()
    },
  })
  await session.start()
  await session.drain()
  await clock.advance(1_000)
  expect(marks).toEqual([false, true, true])
  await session.close()
  expect(clock.timerCount).toBe(0)
})

it.each([
  ['does not answer', () => new Promise<void>(() => {})],
  ['fails', () => Promise.reject(new Error('no'))],
])('lets a stop go on when the store %s, and stores later that it drains', async (what, broken) => {
  const clock = new FakeClock()
  const marks: unknown[] = []
  let renew = (): Promise<void> => Promise.resolve()
  const session = sessionOf(clock, {
    renew(_id, _leaseMs, isDraining) {
      marks.push(isDraining)
      return renew()
    },
  })
  await session.start()
  renew = broken
  let isOver = false
  const drained = session.drain().then(() => {
    isOver = true
  })
  await clock.advance(199)
  expect(isOver).toBe(what === 'fails')
  await clock.advance(1)
  await drained
  renew = () => Promise.resolve()
  await clock.advance(1_000)
  expect(marks).toEqual([false, true, true])
  await session.close()
  expect(clock.timerCount).toBe(0)
})

it('drains at once when no store is open', async () => {
  const clock = new FakeClock()
  await sessionOf(clock, {}).drain()
  expect(clock.timerCount).toBe(0)
})
