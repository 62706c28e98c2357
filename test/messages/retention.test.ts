import { describe, expect, it } from 'vitest'
import { Retention } from '../../src/messages/retention.ts'
import { FakeClock, settle } from '../support/fake-clock.ts'

const MINUTE = 60_000

function retention({ everyMs = 10 * MINUTE, left = 0 } = {}) {
  const clock = new FakeClock()
  const calls: { at: number; olderThanMs: number; limit: number }[] = []
  const store = { left, isDown: false }
  const startedAt = clock.now()
  const subject = new Retention({
    keepMs: 24 * 60 * MINUTE,
    everyMs,
    clock,
    inbox: {
      async prune(query) {
        calls.push({ at: clock.now() - startedAt, ...query })
        await Promise.resolve()
        if (store.isDown) throw new Error('down')
        const count = Math.min(store.left, query.limit)
        store.left -= count
        return count
      },
    },
  })
  return { subject, clock, calls, store, times: () => calls.map(({ at }) => at) }
}

describe('retention', () => {
  it('prunes a minute after the start and then at intervals, what is old enough', async () => {
    const { subject, clock, calls, times } = retention()
    subject.start()
    await clock.advance(21 * MINUTE)
    expect(times()).toEqual([MINUTE, 11 * MINUTE, 21 * MINUTE])
    expect(calls[0]).toMatchObject({ olderThanMs: 86_400_000, limit: 500 })
    subject.stop()
  })

  it('takes batch after batch until nothing is left, with a pause between two', async () => {
    const { subject, clock, store, times } = retention({ left: 1_200 })
    subject.start()
    await clock.advance(2 * MINUTE)
    expect(store.left).toBe(0)
    expect(times()).toEqual([MINUTE, MINUTE + 100, MINUTE + 200])
    subject.stop()
  })

  it('leaves errors of the store to the next round', async () => {
    const { subject, clock, store, times } = retention({ left: 700 })
    store.isDown = true
    subject.start()
    await clock.advance(2 * MINUTE)
    expect(times()).toEqual([MINUTE])
    store.isDown = false
    await clock.advance(10 * MINUTE)
    expect(store.left).toBe(0)
    subject.stop()
  })

  it('ends at once, between batches too, and leaves no timer', async () => {
    const { subject, clock, store, calls } = retention({ left: 5_000 })
    subject.start()
    subject.start()
    await clock.advance(MINUTE)
    subject.stop()
    await settle()
    expect(clock.timerCount).toBe(0)
    await clock.advance(60 * MINUTE)
    expect(calls).toHaveLength(1)
    expect(store.left).toBe(4_500)
  })
})
