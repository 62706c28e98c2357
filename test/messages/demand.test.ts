import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type BusyLane,
  demand,
  nextLanes,
  type ExecutorLimits,
  threadShare,
} from '../../src/messages/dispatch/demand.ts'

const lanes = (botId: string, stage: BusyLane['stage'], count: number): BusyLane[] =>
  Array.from({ length: count }, () => ({ botId, stage, executor: 'pool' }))

const pool = (threads: number, botIds: readonly string[] = []): ExecutorLimits => ({
  executor: 'pool',
  threads,
  botIds: () => botIds,
})

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
    const { limit, perBotLimits } = demand(lanes('a', 'handling', 7), { executors: [pool(8)], lanesPerBot: 64 })
    expect({ limit, perBotLimits }).toEqual({ limit: 1, perBotLimits: { a: 0 } })
  })

  it('asks for nothing while all threads are busy', () => {
    const busy = [...lanes('a', 'handling', 2), ...lanes('b', 'handling', 2)]
    expect(demand(busy, { executors: [pool(4)], lanesPerBot: 64 }).limit).toBe(0)
  })

  it('a executor without a free thread holds up only its own bots', () => {
    const host: ExecutorLimits = { executor: 'host', threads: 3, botIds: () => ['h'] }
    const executors = [pool(2, ['a', 'b']), host]
    expect(demand(lanes('a', 'handling', 2), { executors, lanesPerBot: 64 })).toEqual({
      limit: 3,
      perBot: 2,
      perBotLimits: { a: 0, b: 0 },
    })
    const hosted = lanes('h', 'handling', 3).map((lane): BusyLane => ({ ...lane, executor: 'host' }))
    expect(demand(hosted, { executors, lanesPerBot: 64 })).toEqual({ limit: 2, perBot: 1, perBotLimits: { h: 0 } })
    expect(demand([...hosted, ...lanes('a', 'handling', 2)], { executors, lanesPerBot: 64 }).limit).toBe(0)
  })

  it('fills all free threads by one claim, none of which gives one bot more than its share', () => {
    expect(demand([], { executors: [pool(4)], lanesPerBot: 64 })).toEqual({ limit: 4, perBot: 3, perBotLimits: {} })
  })

  it('asks for more than there are threads where claiming ahead pays', () => {
    const busy = [...lanes('a', 'handling', 4), ...lanes('a', 'waiting', 5)]
    expect(demand(busy, { executors: [{ ...pool(4), ahead: 16 }], lanesPerBot: 64 }).limit).toBe(11)
  })

  it('what waits because its bot has its share keeps no free thread from others', () => {
    const busy = [...lanes('a', 'handling', 3), ...lanes('a', 'waiting', 9)]
    expect(demand(busy, { executors: [pool(4)], lanesPerBot: 64 }).limit).toBe(1)
  })

  it('whatever is busy, no claim can take a bot over its lanes or its share, nor the pool over its threads', () => {
    const busyLanes = fc.array(
      fc.record({
        botId: fc.constantFrom('a', 'b', 'c'),
        stage: fc.constantFrom('waiting', 'handling', 'delivering'),
        executor: fc.constant('pool'),
      }),
      { maxLength: 40 },
    )
    const limits = fc.record({
      threads: fc.integer({ min: 1, max: 9 }),
      lanesPerBot: fc.integer({ min: 1, max: 12 }),
      ahead: fc.integer({ min: 0, max: 20 }),
    })
    fc.assert(
      fc.property(busyLanes, limits, (generated, { threads, lanesPerBot, ahead }) => {
        const busy = generated as BusyLane[]
        const { limit, perBot, perBotLimits } = demand(busy, { executors: [{ ...pool(threads), ahead }], lanesPerBot })
        const handling = busy.filter(({ stage }) => stage === 'handling')
        const waiting = busy.filter(({ stage }) => stage === 'waiting')
        expect(limit).toBeLessThanOrEqual(Math.max(0, threads - handling.length) + Math.max(0, ahead - waiting.length))
        for (const bot of ['a', 'b', 'c', 'new']) {
          const room = perBotLimits[bot] ?? perBot
          const own = busy.filter(({ botId }) => botId === bot)
          expect(room === 0 || own.length + room <= lanesPerBot).toBe(true)
          const claimed = own.filter(({ stage }) => stage !== 'delivering').length
          expect(room === 0 || claimed + room <= Math.max(1, threads + ahead - 1)).toBe(true)
        }
      }),
    )
  })
})

describe('nextTurns', () => {
  it('gives the freed thread to a bot that has none, though others wait longer', () => {
    const [busy, waiting] = [lanes('a', 'handling', 3), lanes('a', 'waiting', 9)]
    const newcomers = lanes('b', 'waiting', 1)
    expect(nextLanes([...busy, ...waiting, ...newcomers], pool(4))).toEqual(newcomers)
  })

  it('leaves the last thread to another bot, and the reserved one to what cannot wait', () => {
    expect(nextLanes(lanes('a', 'waiting', 9), pool(4))).toHaveLength(3)
    expect(nextLanes(lanes('a', 'waiting', 9), { ...pool(4), reserved: 1 })).toHaveLength(2)
    expect(nextLanes(lanes('a', 'waiting', 9), pool(1))).toHaveLength(1)
  })

  it('keeps the order within a bot', () => {
    const waiting = lanes('a', 'waiting', 3)
    expect(nextLanes(waiting, pool(3))).toEqual(waiting.slice(0, 2))
  })
})
