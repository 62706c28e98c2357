import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blame, respiteMs } from '../../src/messages/pool/blame.ts'
import { type Burning, cooled, found, isBurning } from '../../src/messages/pool/burning.ts'
import { HandlerLimits } from '../../src/messages/pool/handler-limits.ts'
import { place, type PlacementLimits, type ThreadRole, type ThreadView } from '../../src/messages/pool/placement.ts'
import { Quarantine } from '../../src/messages/pool/quarantine.ts'
import { isExclusive } from '../../src/protocol/chat.ts'
import { wearOf } from '../../src/messages/pool/wear.ts'

const SEED = Number(process.env['FC_SEED'] ?? Date.now() % 1_000_000_000)

/** A failure prints the seed, and FC_SEED plays it again. */
const check = <T>(property: fc.IProperty<T>): void => fc.assert(property, { seed: SEED, numRuns: 500 })

const limits: PlacementLimits = { threads: 2, runsPerThread: 10, runsOfHandler: 10 }

function thread(more: Partial<ThreadView> = {}): ThreadView {
  return { role: 'shared', state: 'open', isLate: false, runCount: 0, runsOfHandler: 0, ...more }
}

describe('where a run goes', () => {
  const view = fc
    .record({
      role: fc.constantFrom<ThreadRole>('shared', 'exclusive', 'burner', 'trial'),
      state: fc.constantFrom<ThreadView['state']>('open', 'renewing', 'full', 'blocked'),
      isLate: fc.boolean(),
      runCount: fc.integer({ min: 0, max: 12 }),
      others: fc.integer({ min: 0, max: 12 }),
    })
    .map(({ others, ...one }) => ({ ...one, runsOfHandler: Math.max(0, one.runCount - others) }))
  const threads = fc.array(view, { maxLength: 12 })

  it('the shared thread with the fewest runs, but not one that is late if there is another', () => {
    const [late, busy, quiet] = [thread({ isLate: true }), thread({ runCount: 5 }), thread({ runCount: 3 })]
    expect(place('shared', [late, busy, quiet], limits)).toEqual({ kind: 'thread', thread: quiet })
    expect(place('shared', [late], limits)).toEqual({ kind: 'thread', thread: late })
  })

  it('never a thread of another role, one that is full, or one that gives no way', () => {
    check(
      fc.property(fc.constantFrom<ThreadRole>('shared', 'exclusive', 'burner', 'trial'), threads, (role, all) => {
        const placement = place(role, all, limits)
        fc.pre(placement.kind === 'thread')
        const { thread: chosen } = placement
        expect(chosen.role).toBe(role)
        expect(['open', 'renewing']).toContain(chosen.state)
        expect(chosen.runsOfHandler).toBeLessThan(limits.runsOfHandler)
        expect(chosen.runCount).toBeLessThan(role === 'exclusive' ? 1 : limits.runsPerThread)
      }),
    )
  })

  it('a shared thread that turns and has room beats every other', () => {
    check(
      fc.property(threads, (all) => {
        const fit = all.filter(
          (one) =>
            one.role === 'shared' && one.state === 'open' && !one.isLate && one.runCount < 10 && one.runsOfHandler < 10,
        )
        fc.pre(fit.length > 0)
        const placement = place('shared', all, limits)
        expect(placement).toMatchObject({ kind: 'thread', thread: { isLate: false, state: 'open' } })
        const least = Math.min(...fit.map(({ runCount }) => runCount))
        expect(placement).toMatchObject({ thread: { runCount: least } })
      }),
    )
  })

  it('in new threads, as many of a kind as there may be', () => {
    const grown = (role: ThreadRole): number => {
      const all: ThreadView[] = []
      while (place(role, all, limits).kind === 'new_thread') all.push(thread({ role, runCount: 10 }))
      return all.length
    }
    expect(['shared', 'exclusive', 'trial', 'burner'].map((role) => grown(role as ThreadRole))).toEqual([2, 2, 2, 1])
  })

  it('in a worn thread rather than nowhere, unless its memory is full', () => {
    const worn = Array.from({ length: 4 }, () => thread({ state: 'renewing', runCount: 1 }))
    expect(place('shared', worn, limits).kind).toBe('thread')
    const full = Array.from({ length: 4 }, () => thread({ state: 'full' }))
    expect(place('shared', full, limits)).toEqual({ kind: 'wait' })
  })
})

describe('who pays for the death of a thread', () => {
  const death = fc
    .record({
      wasReady: fc.boolean(),
      runs: fc.uniqueArray(fc.integer({ min: 1, max: 50 }), { maxLength: 20 }),
      onStack: fc.integer({ min: 0, max: 60 }),
      ended: fc.integer({ min: 0, max: 3 }),
    })
    .map(({ ended, ...rest }) => ({ ...rest, begunCount: rest.runs.length + ended }))

  it('every run has one verdict', () => {
    check(
      fc.property(death, (one) => {
        const { guilty, suspects, innocent, groups, unstarted } = blame(one)
        const all = [...guilty, ...suspects, ...innocent, ...groups.flat(), ...unstarted]
        expect(all.toSorted((a, b) => a - b)).toEqual(one.runs.toSorted((a, b) => a - b))
        expect(groups.every(({ length }) => length > 0)).toBe(true)
      }),
    )
  })

  it('only a run that was the only one ever in it is charged', () => {
    check(
      fc.property(death, (one) => {
        const { guilty } = blame({ ...one, wasReady: true })
        expect(guilty).toEqual(one.begunCount === 1 ? one.runs : [])
      }),
    )
  })

  it.each([
    ['the run on the stack runs alone, the others as usual', 2, [1, 2, 3], { suspects: [2], innocent: [1, 3] }],
    ['a run that had ended is nobody who is here', 9, [1, 2, 3], { innocent: [1, 2, 3] }],
    ['nobody: they are halved', 0, [1, 2, 3], { groups: [[1, 2], [3]] }],
    ['nobody, and one is left: it runs alone', 0, [1], { suspects: [1] }],
  ])('%s', (_name, onStack, runs, verdict) => {
    expect(blame({ wasReady: true, onStack, runs, begunCount: 9 })).toMatchObject(verdict)
  })

  it('halving finds a culprit among any number in as many steps as it has digits', () => {
    check(
      fc.property(fc.integer({ min: 2, max: 512 }), fc.nat(), (count, pick) => {
        const culprit = (pick % count) + 1
        let group: readonly number[] = Array.from({ length: count }, (_, index) => index + 1)
        let steps = 0
        for (; group.length > 1; steps += 1) {
          const next = blame({ wasReady: true, onStack: 0, runs: group, begunCount: group.length }).groups
          group = next.find((half) => half.includes(culprit)) ?? []
        }
        expect(group).toEqual([culprit])
        expect(steps).toBeLessThanOrEqual(Math.ceil(Math.log2(count)))
      }),
    )
  })
})

describe('a limit that passes', () => {
  const overdue = { run: 1, onStack: 2, stillMs: 400, isAlone: false }

  it.each([
    ['is the fault of the run whose loop turns', { stillMs: 0 }, 0],
    ['is the fault of the run on the stack', { onStack: 1 }, 0],
    ['is the fault of a run that is alone', { isAlone: true }, 0],
    ['waits as long as another run has held the loop', {}, 400],
    ['waits where nobody is named', { onStack: 0 }, 400],
  ])('%s', (_name, more, ms) => {
    expect(respiteMs({ ...overdue, ...more })).toBe(ms)
  })
})

it.each([
  [{}, undefined],
  [{ hasFault: true }, 'fault'],
  [{ memoryMb: 76 }, 'memory'],
  [{ abandonedCount: 4 }, 'leaking'],
  [{ begunCount: 10 }, 'runs'],
])('a thread is renewed: %j is %s', (more, wear) => {
  const use = { begunCount: 9, abandonedCount: 3, memoryMb: 75, hasFault: false, ...more }
  expect(wearOf(use, { threadMaxTasks: 10, threadMemoryMb: 100 })).toBe(wear)
})

describe('a bot burns', () => {
  const seen = (times: readonly (readonly [at: number, episode: string, blockedMs: number])[]): Burning =>
    times.reduce<Burning>(
      (burning, [at, episode, blockedMs]) => found(burning, { botId: 'a', episode, blockedMs }, at),
      new Map(),
    )

  it.each([
    [
      'found three times in ten seconds',
      [
        [0, 'a', 60],
        [4_000, 'b', 60],
        [9_999, 'c', 60],
      ],
      true,
    ],
    [
      'found three times in more',
      [
        [0, 'a', 60],
        [4_000, 'b', 60],
        [10_000, 'c', 60],
      ],
      false,
    ],
    [
      'found three times while the loop stood still once',
      [
        [0, 'a', 60],
        [25, 'a', 85],
        [50, 'a', 110],
      ],
      false,
    ],
    ['found once for longer than 150 ms', [[0, 'a', 151]], true],
  ] as const)('%s: %#', (_name, times, burns) => {
    expect(isBurning(seen(times), 'a', times.at(-1)?.[0] ?? 0)).toBe(burns)
    expect(isBurning(seen(times), 'b', 0)).toBe(false)
  })

  it('until it was not found for a minute', () => {
    const burning = found(seen([[0, 'a', 200]]), { botId: 'a', episode: 'b', blockedMs: 60 }, 30_000)
    expect(isBurning(burning, 'a', 89_999)).toBe(true)
    expect(isBurning(burning, 'a', 90_000)).toBe(false)
    expect(cooled(burning, 89_999).size).toBe(1)
    expect(cooled(burning, 90_000).size).toBe(0)
  })
})

describe('runs of which one must have ended a thread', () => {
  it('were too many together if all have passed: half of the most of one handler', () => {
    const quarantine = new Quarantine(['b', 'a', 'a', 'a', 'a', 'a'])
    expect(Array.from({ length: 5 }, () => quarantine.settled())).toEqual(Array.from({ length: 5 }, () => undefined))
    expect(quarantine.settled()).toBe(2)
    expect(quarantine.handlerKey).toBe('a')
  })

  it('were not too many if one is to blame', () => {
    const quarantine = new Quarantine(['a', 'a'])
    quarantine.settled()
    quarantine.solve()
    expect(quarantine.settled()).toBeUndefined()
  })

  it('are fewer in a thread for an hour', () => {
    const handler = { kind: 'module', path: '/h.mjs' } as const
    const subject = new HandlerLimits(512)
    expect(subject.of(handler, 0)).toBe(512)
    expect(subject.crowded('/h.mjs', 3, 1_000)).toBe(3_601_000)
    expect([subject.of(handler, 3_600_999), subject.of(handler, 3_601_000)]).toEqual([3, 512])
    expect(subject.of({ ...handler, runsPerThread: 2 }, 2_000)).toBe(2)
    expect(isExclusive({ ...handler, runsPerThread: 1 })).toBe(true)
    expect(isExclusive(handler)).toBe(false)
  })
})
