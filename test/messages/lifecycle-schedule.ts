import * as fc from 'fast-check'
import type { RunPlan } from './lifecycle-history.ts'
import type { Call, CallFault, Point } from './lifecycle-link.ts'
import type { SendFate } from './lifecycle-platform.ts'
import { World } from './lifecycle-world.ts'
import type { Plant } from './planted-bugs.ts'

type Step =
  | {
      readonly do: 'say'
      readonly chat: number
      readonly runs: RunPlan[]
      readonly refuse: boolean
      readonly twice: boolean
    }
  | { readonly do: 'repeat'; readonly pick: number }
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'crash'; readonly pick: number }
  | { readonly do: 'freeze'; readonly pick: number; readonly ms: number }
  | { readonly do: 'trap'; readonly point: Point; readonly freezeMs: number; readonly darkMs: number }
  | { readonly do: 'call'; readonly call: Call; readonly fault: CallFault }
  | { readonly do: 'send'; readonly fate: SendFate }
  | { readonly do: 'lose-ack' }
  | { readonly do: 'outage'; readonly ms: number }
  | { readonly do: 'stop'; readonly pick: number; readonly graceMs: number }
  | { readonly do: 'scale'; readonly wanted: number }
  | { readonly do: 'crowd'; readonly pick: number; readonly ms: number }

export interface Schedule {
  readonly seed: number
  readonly steps: readonly Step[]
}

const CALLS = ['accept', 'claim', 'finish', 'settle', 'lease'] as const
const CALL_POINTS = CALLS.flatMap((call) =>
  (['sent', 'committed', 'answered'] as const).map((at): Point => `${call}.${at}`),
)
const POINTS: readonly Point[] = [...CALL_POINTS, 'run.began', 'run.ended', 'ack', 'send.left', 'send.answered']
const FATES: readonly SendFate[] = ['busy', 'wait', 'lost-shown', 'lost', 'silent-shown', 'silent', 'late-shown']

const pick = fc.nat({ max: 3 })
const runMs = fc.integer({ min: 1, max: 2_500 })
const reply = fc.record({ kind: fc.constant('reply' as const), parts: fc.integer({ min: 0, max: 3 }), ms: runMs })
const fault = fc.record({
  kind: fc.constantFrom('throw' as const, 'hang' as const, 'kill-thread' as const, 'kill-process' as const),
  parts: fc.constant(0),
  ms: runMs,
})
const runs: fc.Arbitrary<RunPlan[]> = fc.oneof(
  { arbitrary: fc.tuple(reply), weight: 6 },
  { arbitrary: fc.tuple(fault, reply), weight: 3 },
  { arbitrary: fc.tuple(reply, reply, fault), weight: 1 },
  { arbitrary: fc.tuple(fault), weight: 1 },
)
const freezeMs = fc.oneof(fc.constant(0), fc.integer({ min: 200, max: 25_000 }))

function step<K extends Step['do']>(
  kind: K,
  fields: { [F in Exclude<keyof Extract<Step, { do: K }>, 'do'>]: fc.Arbitrary<Extract<Step, { do: K }>[F]> },
  weight: number,
) {
  const arbitrary = fc.record({ do: fc.constant(kind), ...fields }) as unknown as fc.Arbitrary<Step>
  return { arbitrary, weight }
}

const common = [
  step(
    'say',
    { chat: fc.nat({ max: 2 }), runs, refuse: fc.constantFrom(false, false, false, false, true), twice: fc.boolean() },
    10,
  ),
  step(
    'advance',
    {
      ms: fc.oneof(
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 1, max: 4_000 }),
        fc.integer({ min: 1, max: 20_000 }),
      ),
    },
    10,
  ),
  step('trap', { point: fc.constantFrom(...POINTS), freezeMs, darkMs: fc.constant(0) }, 5),
  step('call', { call: fc.constantFrom(...CALLS), fault: fc.constantFrom('before', 'after', 'late') }, 5),
  step('send', { fate: fc.constantFrom(...FATES) }, 4),
  step('repeat', { pick: fc.nat({ max: 15 }) }, 2),
  step('crash', { pick }, 1),
  step('freeze', { pick, ms: fc.integer({ min: 200, max: 25_000 }) }, 1),
  step('lose-ack', {}, 1),
  step('outage', { ms: fc.integer({ min: 100, max: 15_000 }) }, 1),
  step('stop', { pick, graceMs: fc.constantFrom(0, 500, 5_000) }, 1),
  step('scale', { wanted: fc.integer({ min: 1, max: 2 }) }, 2),
  step('crowd', { pick, ms: fc.integer({ min: 100, max: 8_000 }) }, 2),
]
const longWait = step('advance', { ms: fc.integer({ min: 1_200_000, max: 5_400_000 }) }, 1)
const blackout = step(
  'trap',
  { point: fc.constantFrom('send.answered', 'settle.sent'), freezeMs: fc.constant(0), darkMs: fc.constant(4_000_000) },
  1,
)

/** All within the hour in which a uuid is known. */
export const schedules = schedulesOf(common)

/** Some of it only after the uuid is forgotten. */
export const longSchedules = schedulesOf([...common, longWait, blackout])

function schedulesOf(weighted: fc.WeightedArbitrary<Step>[]): fc.Arbitrary<Schedule> {
  const steps = fc.array(fc.oneof(...weighted), { minLength: 30, maxLength: 60, size: 'max' })
  return fc.record({ seed: fc.nat({ max: 0xff_ff_ff }), steps })
}

/** Plays one schedule against the real code and answers what it did wrong. */
export async function play({ seed, steps }: Schedule, plant: Plant = {}): Promise<string[]> {
  const world = new World(seed, plant)
  for (const [index, next] of steps.entries()) await take(world, next, index)
  return world.verdict()
}

async function take(world: World, next: Step, index: number): Promise<void> {
  switch (next.do) {
    case 'say': {
      const [botId, chat] = next.chat === 0 ? ['b', 'c1'] : ['a', `c${next.chat}`]
      const refusedPart = next.refuse ? 0 : undefined
      return world.platform.say({ id: `m${index}`, botId, chat, runs: next.runs, refusedPart }, next.twice)
    }
    case 'repeat':
      return world.platform.repeat(next.pick)
    case 'advance':
      return world.clock.advance(next.ms)
    case 'crash':
      return world.instance(next.pick)?.process.die()
    case 'freeze':
      return world.instance(next.pick)?.process.freeze(next.ms)
    case 'trap':
      world.traps.push(next)
      return
    case 'call':
      world.callFaults.push(next)
      return
    case 'send':
      world.platform.fates.push(next.fate)
      return
    case 'lose-ack':
      world.platform.lostAcks += 1
      return
    case 'outage':
      return world.outage(next.ms)
    case 'stop':
      void world.instance(next.pick)?.stop(next.graceMs)
      return
    case 'scale':
      return world.scale(next.wanted)
    case 'crowd':
      return world.instance(next.pick)?.crowd(next.ms)
  }
}
