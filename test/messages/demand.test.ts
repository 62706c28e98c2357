import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { demand, type ExecutorRoom, nextLane } from '../../src/messages/dispatch/demand.ts'
import { type BusyLane, LaneLoad } from '../../src/messages/dispatch/lane-load.ts'

const SEED = Number(process.env['FC_SEED'] ?? Date.now() % 1_000_000_000)

interface Lane extends BusyLane {
  stage: BusyLane['stage']
}

const LIMITS = { lanesPerBot: 64, maxBatch: 200 }

function loadOf(...lanes: (readonly [botId: string, stage: BusyLane['stage'], count: number])[]): LaneLoad<Lane> {
  const load = new LaneLoad<Lane>()
  for (const [botId, stage, count] of lanes) {
    for (let n = 0; n < count; n += 1) load.add({ botId, stage, executor: 'pool' })
  }
  return load
}

function roomOf(capacity: number, botIds: readonly string[], rest: Partial<ExecutorRoom> = {}): ExecutorRoom {
  return { capacity, reserved: 0, promised: 0, ahead: 0, botIds: () => botIds, ...rest }
}

const names = (count: number): string[] => Array.from({ length: count }, (_none, index) => `bot${index}`)

describe('demand', () => {
  it('lets every bot without a run begin one message', () => {
    expect(demand([{ load: loadOf(), room: roomOf(8, ['a', 'b']) }], LIMITS)).toEqual({
      limit: 8,
      perBot: 1,
      perBotLimits: {},
    })
  })

  it('gives a bot with runs all that the others do not need for one run each', () => {
    const load = loadOf(['a', 'running', 3])
    const { limit, perBotLimits } = demand([{ load, room: roomOf(16, ['a', 'b', 'c']) }], LIMITS)
    expect({ limit, perBotLimits }).toEqual({ limit: 13, perBotLimits: { a: 11 } })
  })

  it('shares what is left among several bots with runs, and prefers those with fewer when it is not enough for all', () => {
    const busy = loadOf(['a', 'running', 1], ['b', 'running', 1])
    expect(demand([{ load: busy, room: roomOf(13, ['a', 'b', 'c']) }], LIMITS).perBotLimits).toEqual({ a: 5, b: 5 })
    const nearlyFull = loadOf(['a', 'running', 4], ['b', 'running', 2], ['c', 'running', 3])
    const { limit, perBotLimits } = demand([{ load: nearlyFull, room: roomOf(11, ['a', 'b', 'c', 'd']) }], LIMITS)
    expect({ limit, perBotLimits }).toEqual({ limit: 2, perBotLimits: { a: 0, b: 1, c: 0 } })
  })

  it('asks for nothing while there is no room', () => {
    const load = loadOf(['a', 'running', 2], ['b', 'running', 2])
    expect(demand([{ load, room: roomOf(4, ['a', 'b', 'c']) }], LIMITS).limit).toBe(0)
    expect(demand([{ load: loadOf(), room: roomOf(4, ['a'], { reserved: 1, promised: 3 }) }], LIMITS).limit).toBe(0)
  })

  it('an executor without room holds up only its own bots', () => {
    const pool = { load: loadOf(['a', 'running', 2]), room: roomOf(2, ['a', 'b']) }
    const host = { load: loadOf(['h', 'running', 1]), room: roomOf(3, ['h']) }
    expect(demand([pool, host], LIMITS)).toEqual({ limit: 2, perBot: 1, perBotLimits: { a: 0, b: 0, h: 2 } })
  })

  it('an executor with little room makes no claim of another one smaller', () => {
    const exclusive = { load: loadOf(), room: roomOf(2, names(5)) }
    const pool = { load: loadOf(['a', 'running', 1]), room: roomOf(100, ['a']) }
    const { limit, perBotLimits } = demand([exclusive, pool], LIMITS)
    expect({ limit, perBotLimits }).toEqual({ limit: 101, perBotLimits: { a: 64 } })
  })

  it('an executor with guests decides nothing about what is claimed for them', () => {
    const process = {
      load: loadOf(['own', 'running', 1], ['guest', 'running', 1], ['other guest', 'waiting', 3]),
      room: roomOf(8, ['own'], { isOwn: (botId) => botId === 'own' }),
    }
    const { limit, perBotLimits } = demand([process], LIMITS)
    expect({ limit, perBotLimits }).toEqual({ limit: 6, perBotLimits: { own: 3 } })
  })

  it('takes nothing more for a bot whose replies are stuck, and takes no more at once than fits a transaction', () => {
    const load = loadOf(['deaf', 'running', 1], ['deaf', 'delivering', 64], ['slow', 'delivering', 63])
    const { limit, perBotLimits } = demand([{ load, room: roomOf(1_024, ['deaf', 'slow']) }], LIMITS)
    expect({ limit, perBotLimits }).toEqual({ limit: 200, perBotLimits: { deaf: 0, slow: 1 } })
  })

  it('asks for more than there is room for where claiming ahead pays', () => {
    const load = loadOf(['a', 'running', 4], ['a', 'waiting', 5])
    const { limit, perBotLimits } = demand([{ load, room: roomOf(4, ['a'], { ahead: 16 }) }], LIMITS)
    expect({ limit, perBotLimits }).toEqual({ limit: 11, perBotLimits: { a: 11 } })
  })
})

describe('the lane that runs next', () => {
  it('is one of a bot without a run, though others wait longer', () => {
    const load = loadOf(['a', 'running', 3], ['a', 'waiting', 9], ['b', 'waiting', 1])
    expect(nextLane({ load, room: roomOf(4, ['a', 'b']) })?.botId).toBe('b')
  })

  it('is none of a bot with runs while another bot needs the room, and none at all where only reserved room is left', () => {
    const load = loadOf(['a', 'running', 2], ['a', 'waiting', 9])
    expect(nextLane({ load, room: roomOf(4, ['a', 'b']) })?.botId).toBe('a')
    expect(nextLane({ load, room: roomOf(3, ['a', 'b']) })).toBeUndefined()
    expect(nextLane({ load, room: roomOf(3, ['a'], { reserved: 1 }) })).toBeUndefined()
  })

  it('keeps the order within a bot', () => {
    const load = new LaneLoad<Lane & { n: number }>()
    for (const n of [1, 2, 3]) load.add({ botId: 'a', executor: 'pool', stage: 'waiting', n })
    expect(nextLane({ load, room: roomOf(3, ['a']) })).toMatchObject({ n: 1 })
  })
})

/** What a world of bots does: `write` makes a chat of a bot due, `end` ends a run or a delivery, `claim` is one claim. */
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('write' as const), bot: fc.nat(), count: fc.integer({ min: 1, max: 30 }) }),
    fc.record({ kind: fc.constant('end' as const), nth: fc.nat() }),
    fc.record({ kind: fc.constant('claim' as const) }),
  ),
  { maxLength: 80 },
)

describe(`whatever bots do (seed ${SEED})`, () => {
  const parameters = { seed: SEED, numRuns: 2_000 }

  it('no bot without a run waits while fewer bots have runs than there may be runs, and there are never more runs', () => {
    const settings = fc.record({
      capacity: fc.integer({ min: 1, max: 24 }),
      botCount: fc.integer({ min: 1, max: 30 }),
      ahead: fc.integer({ min: 0, max: 8 }),
      maxBatch: fc.integer({ min: 1, max: 40 }),
    })
    fc.assert(
      fc.property(steps, settings, (script, { capacity, botCount, ahead, maxBatch }) => {
        const botIds = names(botCount)
        const load = new LaneLoad<Lane>()
        const lanes = new Set<Lane>()
        const due = new Map<string, number>()
        const executor = { load, room: roomOf(capacity, botIds, { ahead }) }
        const fill = (): void => {
          for (let lane = nextLane(executor); lane !== undefined; lane = nextLane(executor)) {
            lane.stage = 'running'
            load.moved(lane, 'waiting')
          }
        }
        // Like the store: the oldest first, within the limits.
        const claim = (): number => {
          const { limit, perBot, perBotLimits } = demand([executor], { lanesPerBot: 64, maxBatch })
          let left = limit
          for (const [botId, count] of due) {
            const taken = Math.min(count, perBotLimits[botId] ?? perBot, left)
            for (let n = 0; n < taken; n += 1) {
              const lane: Lane = { botId, executor: 'pool', stage: 'waiting' }
              lanes.add(lane)
              load.add(lane)
            }
            due.set(botId, count - taken)
            left -= taken
          }
          fill()
          return limit - left
        }
        const settle = (): void => {
          while (claim() > 0);
          const isIdle = (botId: string): boolean => (load.bots.get(botId)?.running ?? 0) === 0
          const waits = botIds.filter((id) => isIdle(id) && (due.get(id) ?? 0) > 0)
          expect(load.running).toBeLessThanOrEqual(capacity)
          expect(load.activeBots < capacity ? waits : []).toEqual([])
        }
        for (const step of script) {
          if (step.kind === 'write') {
            const botId = botIds[step.bot % botCount]!
            due.set(botId, (due.get(botId) ?? 0) + step.count)
          } else if (step.kind === 'end') {
            const running = [...lanes].filter(({ stage }) => stage === 'running')
            const lane = running[step.nth % Math.max(1, running.length)]
            if (lane !== undefined) {
              lanes.delete(lane)
              load.delete(lane)
              fill()
            }
          }
          settle()
        }
      }),
      parameters,
    )
  })

  it('counts agree with the lanes', () => {
    const stage = fc.constantFrom<BusyLane['stage']>('waiting', 'running', 'delivering')
    const change = fc.record({ bot: fc.integer({ min: 0, max: 3 }), nth: fc.nat(), to: fc.option(stage) })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const load = new LaneLoad<Lane>()
        const lanes: Lane[] = []
        for (const { bot, nth, to } of changes) {
          const lane = lanes[nth % (lanes.length + 1)]
          if (lane === undefined) {
            const added: Lane = { botId: `bot${bot}`, executor: 'pool', stage: to ?? 'waiting' }
            lanes.push(added)
            load.add(added)
          } else if (to === null) {
            lanes.splice(lanes.indexOf(lane), 1)
            load.delete(lane)
          } else if (to !== lane.stage) {
            const before = lane.stage
            lane.stage = to
            load.moved(lane, before)
          }
          const count = (one: BusyLane['stage']): number => lanes.filter((each) => each.stage === one).length
          const botsWith = (one: BusyLane['stage']): Set<string> =>
            new Set(lanes.filter((each) => each.stage === one).map(({ botId }) => botId))
          expect([load.running, load.waiting, load.activeBots]).toEqual([
            count('running'),
            count('waiting'),
            botsWith('running').size,
          ])
          expect(new Set(load.waitingBots)).toEqual(botsWith('waiting'))
          expect(new Set(load.bots.keys())).toEqual(new Set(lanes.map(({ botId }) => botId)))
        }
      }),
      parameters,
    )
  })
})
