import { type Arbitrary, array, assert, constantFrom, double, nat, oneof, property, record } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { newChild, stepChild } from '../../src/core/lifecycle/child-lifecycle.ts'
import type { Child, ChildEffect, ChildEvent, ChildPolicy } from '../../src/core/lifecycle/child-state.ts'

const policy: ChildPolicy = {
  limit: { intensity: 3, periodMs: 1_000 },
  backoff: { firstMs: 10, maxMs: 200, factor: 2, jitter: 0.2 },
  stableAfterMs: 300,
  startTimeoutMs: 100,
}

/** Threads that do not end are given up. */
const timed: ChildPolicy = { ...policy, endTimeoutMs: 150, mostStuck: 2 }

const event: Arbitrary<ChildEvent> = oneof(
  constantFrom<ChildEvent>(
    { kind: 'start' },
    { kind: 'ready' },
    { kind: 'due' },
    { kind: 'stop' },
    { kind: 'restart' },
  ),
  constantFrom('killed' as const, 'hung' as const).map((reason): ChildEvent => ({ kind: 'kill', reason })),
  constantFrom(0, 1, 3).map((exitCode): ChildEvent => ({ kind: 'exited', exit: { exitCode } })),
  // Which one it is, is known when it is played.
  constantFrom<ChildEvent>({ kind: 'released', incarnation: 0 }),
)

const history = array(record({ event, waitMs: nat(400), random: double({ min: 0, max: 0.999, noNaN: true }) }), {
  maxLength: 60,
})

/** What the performer of the effects knows: whether a thread lives, and whether `due` will come. */
interface World {
  readonly child: Child
  readonly hasThread: boolean
  readonly dueAt: number | undefined
  readonly spawned: number
}

function apply(world: World, child: Child, effects: readonly ChildEffect[]): World {
  let { hasThread, dueAt, spawned } = world
  for (const effect of effects) {
    if (effect.kind === 'spawn') {
      expect({ hasThread, effect: 'spawn' }).toMatchObject({ hasThread: false })
      expect(effect.incarnation).toBe(child.incarnation)
      hasThread = true
      spawned += 1
    }
    if (effect.kind === 'give_up') {
      expect({ hasThread, effect: 'give_up' }).toMatchObject({ hasThread: true })
      hasThread = false
    }
    if (effect.kind === 'terminate') expect({ hasThread, effect: 'terminate' }).toMatchObject({ hasThread: true })
    if (effect.kind === 'schedule') dueAt = effect.at
    if (effect.kind === 'unschedule') dueAt = undefined
  }
  return { child, hasThread, dueAt, spawned }
}

function play(
  steps: readonly { event: ChildEvent; waitMs: number; random: number }[],
  check: (world: World) => void,
  rules = policy,
): void {
  let now = 0
  let world: World = { child: newChild(now), hasThread: false, dueAt: undefined, spawned: 0 }
  for (const { event: next, waitMs, random } of steps) {
    now += waitMs
    // Threads and timers only report what can happen: an end without a thread cannot.
    if ((next.kind === 'exited' || next.kind === 'ready') && !world.hasThread) continue
    if (next.kind === 'due' && world.dueAt === undefined) continue
    const before: World = {
      ...world,
      hasThread: next.kind === 'exited' ? false : world.hasThread,
      dueAt: next.kind === 'due' ? undefined : world.dueAt,
    }
    const [oldest] = world.child.stuck
    if (next.kind === 'released' && oldest === undefined) continue
    const played = next.kind === 'released' && oldest !== undefined ? { ...oldest, kind: next.kind } : next
    const { child, effects } = stepChild(world.child, played, now, random, rules)
    world = apply(before, child, effects)
    check(world)
  }
}

function hasWayOn({ state }: Child, dueAt: number | undefined, hasThread: boolean): boolean {
  switch (state.name) {
    case 'restarting':
      return dueAt === state.startAt
    case 'starting':
      return hasThread && (dueAt !== undefined || (state.ordered !== undefined && state.giveUpAt === undefined))
    case 'running':
    case 'stopping':
      return hasThread && dueAt === state.giveUpAt
    case 'failed':
      return state.why !== ''
    case 'stopped':
      return true
    default:
      return false
  }
}

describe.each([
  { name: 'any history of a child', rules: policy },
  { name: 'any history of a child whose threads may be given up', rules: timed },
])('$name', ({ rules }) => {
  it('never has two threads at a time, and counts each one', () => {
    assert(
      property(history, (steps) => {
        play(steps, ({ child, spawned }) => expect(child.incarnation).toBe(spawned), rules)
      }),
      { numRuns: 1_000 },
    )
  })

  it('has a thread exactly in the states that wait for its end', () => {
    assert(
      property(history, (steps) => {
        play(
          steps,
          ({ child, hasThread }) => {
            expect(hasThread).toBe(['starting', 'running', 'stopping'].includes(child.state.name))
            expect(child.stuck.length).toBeLessThanOrEqual(rules.mostStuck ?? 0)
          },
          rules,
        )
      }),
      { numRuns: 1_000 },
    )
  })

  it('always has a way on: a time, an end to wait for, or an operator who is told', () => {
    assert(
      property(history, (steps) => {
        play(
          steps,
          ({ child, dueAt, hasThread }) => {
            expect({ state: child.state.name, isStuck: !hasWayOn(child, dueAt, hasThread) }).toMatchObject({
              isStuck: false,
            })
            const started = stepChild(child, { kind: 'start' }, 0, 0, rules).child.state
            expect(
              ['starting', 'running'].includes(started.name) ||
                (started.name === 'stopping' && started.isWanted) ||
                // Goes on when one of them ends.
                (started.name === 'failed' && started.isCrowded === true && child.stuck.length === rules.mostStuck),
            ).toBe(true)
          },
          rules,
        )
      }),
      { numRuns: 1_000 },
    )
  })

  it('restarts at most `intensity` times within the period without an operator', () => {
    const faults = array(record({ event: constantFrom('due', 'ready', 'exited'), waitMs: nat(50) }), {
      maxLength: 80,
    })
    assert(
      property(faults, (steps) => {
        const start = { event: { kind: 'start' } as ChildEvent, waitMs: 0, random: 0 }
        const rest = steps.map(({ event: kind, waitMs }) => ({
          event: (kind === 'exited' ? { kind, exit: { exitCode: 1 } } : { kind }) as ChildEvent,
          waitMs,
          random: 0,
        }))
        play(
          [start, ...rest],
          ({ child }) => {
            expect(child.restartedAt.length).toBeLessThanOrEqual(policy.limit.intensity)
          },
          rules,
        )
      }),
    )
  })
})
