import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type BusyLane, demand, type PlaceLimits, threadShare } from '../../src/messages/demand.ts'

const lanes = (botId: string, stage: BusyLane['stage'], count: number): BusyLane[] =>
  Array.from({ length: count }, () => ({ botId, stage, place: 'pool' }))

const pool = (threads: number, botIds: readonly string[] = []): PlaceLimits => ({ place: 'pool', threads, botIds })

describe('demand', () => {
  it.each([
    [1, 1, 1],
    [1, 3, 1],
    [2, 1, 1],
    [2, 2, 1],
    [8, 0, 7],
    [8, 1, 7],
    [8, 2, 4],
    [3, 2, 2],
  ])('with %i threads and %i active bots one bot has at most %i', (threads, activeBots, expected) => {
    expect(threadShare(threads, activeBots)).toBe(expected)
  })

  it('leaves out a bot that has its share and asks for the rest', () => {
    expect(demand(lanes('a', 'handling', 7), { places: [pool(8)], lanesPerBot: 64 })).toEqual({
      limit: 1,
      excludeBotIds: ['a'],
    })
  })

  it('asks for nothing while all threads are busy', () => {
    const busy = [...lanes('a', 'handling', 2), ...lanes('b', 'handling', 2)]
    expect(demand(busy, { places: [pool(4)], lanesPerBot: 64 }).limit).toBe(0)
  })

  it('a place without a free thread holds up only its own bots', () => {
    const host: PlaceLimits = { place: 'host', threads: 3, botIds: ['h'] }
    const places = [pool(2, ['a', 'b']), host]
    expect(demand(lanes('a', 'handling', 2), { places, lanesPerBot: 64 })).toEqual({
      limit: 2,
      excludeBotIds: ['a', 'b'],
    })
    const hosted = lanes('h', 'handling', 3).map((lane): BusyLane => ({ ...lane, place: 'host' }))
    expect(demand(hosted, { places, lanesPerBot: 64 })).toEqual({ limit: 1, excludeBotIds: ['h'] })
    expect(demand([...hosted, ...lanes('a', 'handling', 2)], { places, lanesPerBot: 64 }).limit).toBe(0)
  })

  it('whatever is busy, no claim can take a bot over its lanes or its share, nor the pool over its threads', () => {
    const busyLanes = fc.array(
      fc.record({
        botId: fc.constantFrom('a', 'b', 'c'),
        stage: fc.constantFrom('handling', 'delivering'),
        place: fc.constant('pool'),
      }),
      { maxLength: 40 },
    )
    fc.assert(
      fc.property(busyLanes, fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 12 }), (busy, threads, most) => {
        const { limit, excludeBotIds } = demand(busy as BusyLane[], { places: [pool(threads)], lanesPerBot: most })
        const handling = busy.filter(({ stage }) => stage === 'handling')
        expect(limit === 0 || handling.length + limit <= threads).toBe(true)
        for (const bot of ['a', 'b', 'c', 'new'].filter((id) => limit > 0 && !excludeBotIds.includes(id))) {
          expect(busy.filter(({ botId }) => botId === bot).length + limit).toBeLessThanOrEqual(most)
          const own = handling.filter(({ botId }) => botId === bot).length
          expect(own + limit).toBeLessThanOrEqual(Math.max(1, threads - 1))
        }
      }),
    )
  })
})
