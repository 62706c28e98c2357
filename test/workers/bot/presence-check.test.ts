import { describe, expect, it } from 'vitest'
import { PresenceCheck } from '../../../workers/bot/connection/presence-check.ts'
import { FakeClock } from '../../support/fake-clock.ts'

function watching(everyMs = 100) {
  const clock = new FakeClock()
  const state = { count: 1 as number | undefined, asked: 0 }
  const told: (string | number)[] = []
  const watch = new PresenceCheck({
    everyMs,
    clock,
    count: async () => {
      state.asked += 1
      return state.count
    },
    zombie: () => told.push('zombie'),
    foreign: (count) => told.push(count),
  })
  watch.start()
  return { clock, state, told, watch }
}

describe('the watch over what Feishu counts', () => {
  it('asks at its pace and says nothing while the count is right or not known', async () => {
    const { clock, state, told } = watching()
    await clock.advance(300)
    state.count = undefined
    await clock.advance(300)
    expect(state.asked).toBe(6)
    expect(told).toEqual([])
  })

  it('never asks at 0', () => {
    expect(watching(0).clock.timerCount).toBe(0)
  })

  it('tells a zombie once per connection, and later each time that it happens in a row', async () => {
    const { clock, state, told, watch } = watching()
    state.count = 0
    await clock.advance(100)
    expect(told).toEqual(['zombie'])
    await clock.advance(10_000)
    expect(state.asked).toBe(1)
    watch.start()
    await clock.advance(199)
    expect(told).toHaveLength(1)
    await clock.advance(1)
    expect(told).toHaveLength(2)
    // A right count ends the row.
    state.count = 1
    watch.start()
    await clock.advance(400)
    state.count = 0
    await clock.advance(100)
    expect(told).toHaveLength(3)
  })

  it('tells of another client when it is counted twice in a row, and when it is gone', async () => {
    const { clock, state, told } = watching()
    state.count = 3
    await clock.advance(100)
    expect(told).toEqual([])
    await clock.advance(200)
    expect(told).toEqual([2])
    state.count = 1
    await clock.advance(100)
    expect(told).toEqual([2, 0])
    // One that was only seen once, as a connection of our own that was cut a moment ago.
    state.count = 2
    await clock.advance(100)
    state.count = 1
    await clock.advance(100)
    expect(told).toEqual([2, 0])
  })

  it('does not take an answer about a connection that is gone', async () => {
    const { clock, state, told, watch } = watching()
    state.count = 0
    const advanced = clock.advance(100)
    watch.stop()
    await advanced
    expect(told).toEqual([])
    expect(clock.timerCount).toBe(0)
  })
})
