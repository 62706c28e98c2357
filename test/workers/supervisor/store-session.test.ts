import { expect, it } from 'vitest'
import type { InstanceStore, Store } from '../../../src/store/store.ts'
import { StoreSession } from '../../../workers/supervisor/store/store-session.ts'
import { FakeClock } from '../../support/fake-clock.ts'

it('tells of work that a rescue freed, and of nothing else', async () => {
  const clock = new FakeClock()
  let freed = 0
  let tellings = 0
  const instances: InstanceStore = {
    renew: () => Promise.resolve(),
    release: () => Promise.resolve(),
    rescue: () => Promise.resolve({ rescued: freed }),
  }
  const session = new StoreSession({
    open: () => Promise.resolve({ kind: 'postgres', instances, close: () => Promise.resolve() } as unknown as Store),
    opened: () => Promise.resolve(),
    changed: () => {},
    rescued: () => {
      tellings += 1
    },
    instanceId: 'me',
    supersedes: undefined,
    leaseMs: 3_000,
    clock,
    random: () => 0.5,
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
