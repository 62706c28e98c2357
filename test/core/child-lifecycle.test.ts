import { describe, expect, it } from 'vitest'
import { newChild, stepChild } from '../../src/core/lifecycle/child-lifecycle.ts'
import type { Child, ChildEvent, ChildPolicy, ChildState } from '../../src/core/lifecycle/child-state.ts'
import { childStatus } from '../../src/core/lifecycle/child-status.ts'
import type { RestartPolicy } from '../../src/core/lifecycle/restart-policy.ts'

const NOW = 1_000_000

const policy: RestartPolicy = {
  limit: { intensity: 2, periodMs: 60_000 },
  backoff: { firstMs: 500, maxMs: 30_000, factor: 2, jitter: 0 },
  stableAfterMs: 60_000,
  startTimeoutMs: 15_000,
}

const states = {
  stopped: { name: 'stopped', since: 1 },
  starting: { name: 'starting', since: 1 },
  'starting, ordered': { name: 'starting', since: 1, ordered: 'killed' },
  running: { name: 'running', since: 1 },
  stopping: { name: 'stopping', since: 1, isWanted: false },
  'stopping, wanted': { name: 'stopping', since: 1, isWanted: true },
  restarting: { name: 'restarting', since: 1, startAt: NOW },
  failed: { name: 'failed', since: 1, why: 'because' },
} as const satisfies Record<string, ChildState>

const events = {
  start: { kind: 'start' },
  ready: { kind: 'ready' },
  due: { kind: 'due' },
  exited: { kind: 'exited', exit: { exitCode: 1 } },
  stop: { kind: 'stop' },
  restart: { kind: 'restart' },
  kill: { kind: 'kill', reason: 'killed' },
  hang: { kind: 'kill', reason: 'hung' },
} as const satisfies Record<string, ChildEvent>

type StateName = keyof typeof states
type EventName = keyof typeof events

function child(state: ChildState, more: Partial<Child> = {}): Child {
  return { ...newChild(0), incarnation: 3, state, ...more }
}

function step(before: Child, event: ChildEvent, now = NOW) {
  return stepChild(before, event, now, 0.5, policy)
}

/** `same` means that nothing at all happens. */
const table: Record<StateName, Record<EventName, string>> = {
  stopped: {
    start: 'starting: spawn schedule',
    ready: 'same',
    due: 'same',
    exited: 'same',
    stop: 'same',
    restart: 'starting: spawn schedule',
    kill: 'same',
    hang: 'same',
  },
  starting: {
    start: 'same',
    ready: 'running: unschedule',
    due: 'starting: terminate',
    exited: 'restarting: schedule',
    stop: 'stopping: unschedule terminate',
    restart: 'stopping: unschedule terminate',
    kill: 'starting: terminate',
    hang: 'starting: terminate',
  },
  'starting, ordered': {
    start: 'same',
    ready: 'same',
    due: 'starting: terminate',
    exited: 'restarting: schedule',
    stop: 'stopping: unschedule terminate',
    restart: 'stopping: unschedule terminate',
    kill: 'starting: terminate',
    hang: 'starting: terminate',
  },
  running: {
    start: 'same',
    ready: 'same',
    due: 'same',
    exited: 'restarting: schedule',
    stop: 'stopping: unschedule terminate',
    restart: 'stopping: unschedule terminate',
    kill: 'running: terminate',
    hang: 'running: terminate',
  },
  stopping: {
    start: 'stopping:',
    ready: 'same',
    due: 'same',
    exited: 'stopped: unschedule',
    stop: 'stopping:',
    restart: 'stopping:',
    kill: 'same',
    hang: 'same',
  },
  'stopping, wanted': {
    start: 'stopping:',
    ready: 'same',
    due: 'same',
    exited: 'starting: spawn schedule',
    stop: 'stopping:',
    restart: 'stopping:',
    kill: 'same',
    hang: 'same',
  },
  restarting: {
    start: 'starting: unschedule spawn schedule',
    ready: 'same',
    due: 'starting: spawn schedule',
    exited: 'same',
    stop: 'stopped: unschedule',
    restart: 'starting: unschedule spawn schedule',
    kill: 'same',
    hang: 'same',
  },
  failed: {
    start: 'starting: spawn schedule',
    ready: 'same',
    due: 'same',
    exited: 'same',
    stop: 'stopped: unschedule',
    restart: 'starting: spawn schedule',
    kill: 'same',
    hang: 'same',
  },
}

const rows = (Object.keys(table) as StateName[]).flatMap((state) =>
  (Object.keys(table[state]) as EventName[]).map((event) => [state, event, table[state][event]] as const),
)

describe('the child table', () => {
  it.each(rows)('%s + %s -> %s', (state, event, expected) => {
    const before = child(states[state])
    const { child: after, effects } = step(before, events[event])
    const actual =
      after === before ? 'same' : `${after.state.name}: ${effects.map(({ kind }) => kind).join(' ')}`.trim()
    expect(actual).toBe(expected)
  })

  it('counts an incarnation with every spawn and gives it the start timeout', () => {
    const { child: after, effects } = step(child(states.stopped), events.start)
    expect(after.incarnation).toBe(4)
    expect(effects).toEqual([
      { kind: 'spawn', incarnation: 4 },
      { kind: 'schedule', at: NOW + policy.startTimeoutMs },
    ])
  })

  it('starts again after a stop that was taken back, and not after one that was repeated', () => {
    const wanted = step(child(states.stopping), events.start).child
    expect(step(wanted, events.exited).effects.map(({ kind }) => kind)).toContain('spawn')
    const unwanted = step(wanted, events.stop).child
    expect(step(unwanted, events.exited).child.state.name).toBe('stopped')
  })
})

describe('the reason of an end', () => {
  const oom = { exitCode: 1, thrown: { value: { code: 'ERR_WORKER_OUT_OF_MEMORY', message: 'heap' } } }
  const rejected = { exitCode: 1, thrown: { value: { code: 'CONFIG_INVALID', message: 'appId' } } }
  it.each([
    ['stopping', states.stopping, { exitCode: 1 }, 'shutdown'],
    ['killed', { ...states.running, ordered: 'killed' } as const, { exitCode: 1 }, 'killed'],
    ['hung', { ...states.running, ordered: 'hung' } as const, { exitCode: 1 }, 'hung'],
    ['too slow', { ...states.starting, ordered: 'start_timeout' } as const, { exitCode: 1 }, 'start_timeout'],
    ['left while starting', states.starting, { exitCode: 0 }, 'start_failed'],
    ['left while running', states.running, { exitCode: 0 }, 'normal'],
    ['crashed', states.running, { exitCode: 1, thrown: { value: new Error('no') } }, 'crashed'],
    ['out of memory', states.running, oom, 'out_of_memory'],
    ['given what it cannot work with', states.starting, rejected, 'rejected'],
  ])('%s', (_name, state, exit, reason) => {
    const { lastExit } = step(child(state), { kind: 'exited', exit }).child
    expect(lastExit).toMatchObject({ at: NOW, reason, exitCode: exit.exitCode })
  })

  it('is told while an ordered end is waited for', () => {
    const hung = step(child(states.running), events.hang).child
    expect(childStatus(hung, policy, NOW).nextStep).toContain('being ended (hung)')
  })

  it('is remembered with the error, even one that is null', () => {
    const { lastExit } = step(child(states.running), {
      kind: 'exited',
      exit: { exitCode: 1, thrown: { value: null } },
    }).child
    expect(lastExit?.error).toEqual({ code: 'WORKER_UNREACHABLE', message: 'null', retryable: true })
  })
})

describe('restarting', () => {
  it('parks the child when the intensity is exceeded, and an operator clears that', () => {
    const worn = child({ name: 'starting', since: NOW }, { restartedAt: [NOW - 2, NOW - 1], attempt: 2 })
    const failed = step(worn, events.exited).child
    expect(failed.state).toMatchObject({ name: 'failed', why: expect.stringContaining('restart the bot') })
    for (const event of [events.start, events.restart]) {
      const again = step(failed, event).child
      expect(again).toMatchObject({ restartedAt: [], attempt: 0, state: { name: 'starting' } })
    }
  })

  it('counts restarts, and the status shows those that still matter', () => {
    const { child: after } = step(
      child(states.running, { restartedAt: [NOW - 100_000], restartCount: 7 }),
      events.exited,
    )
    expect(after.restartCount).toBe(8)
    expect(childStatus(after, policy, NOW)).toMatchObject({
      state: 'restarting',
      restartCount: 8,
      restartsInWindow: 1,
      nextAt: NOW,
      nextStep: expect.any(String),
    })
  })

  it('by an operator forgives the past and starts again as soon as the thread is gone', () => {
    const worn = child({ name: 'running', since: 1 }, { restartedAt: [NOW - 2, NOW - 1], attempt: 2 })
    const stopping = step(worn, events.restart).child
    expect(childStatus(stopping, policy, NOW).nextStep).toContain('restarting once')
    const { child: again, effects } = step(stopping, events.exited)
    expect(again).toMatchObject({ restartedAt: [], attempt: 0, restartCount: 0, lastExit: { reason: 'shutdown' } })
    expect(effects.map(({ kind }) => kind)).toEqual(['spawn', 'schedule'])
  })

  it('starts the backoff anew only after a stable run', () => {
    const stable = child({ name: 'running', since: NOW - policy.stableAfterMs }, { attempt: 4 })
    const short = child({ name: 'running', since: NOW - policy.stableAfterMs + 1 }, { attempt: 4 })
    expect(step(stable, events.exited).child).toMatchObject({ attempt: 1, state: { startAt: NOW } })
    expect(step(short, events.exited).child).toMatchObject({ attempt: 5, state: { startAt: NOW + 4_000 } })
  })
})

describe('a thread that does not end', () => {
  const timed: ChildPolicy = { ...policy, endTimeoutMs: 3_000, mostStuck: 2 }
  const on = (before: Child, event: ChildEvent, now = NOW) => stepChild(before, event, now, 0.5, timed)
  const kinds = ({ effects }: { effects: readonly { kind: string }[] }) => effects.map(({ kind }) => kind).join(' ')
  const hung = on(child(states.running), { kind: 'kill', reason: 'hung', hungSince: NOW - 10_000 }).child
  const GIVE_UP = NOW + 3_000

  it('has a deadline from the first order on, and is shown with since when it hangs', () => {
    expect(childStatus(hung, timed, NOW)).toMatchObject({
      state: 'running',
      hungSince: NOW - 10_000,
      nextAt: GIVE_UP,
      nextStep: 'the thread is being ended (hung), then restarted',
    })
    expect(on(hung, events.kill, NOW + 1).child).toBe(hung)
    const late = on(child(states.starting), events.due)
    expect(kinds(late)).toBe('terminate schedule')
    expect(late.child.state).toMatchObject({ ordered: 'start_timeout', giveUpAt: GIVE_UP })
    expect(on(child(states.running), events.stop).effects.at(-1)).toEqual({ kind: 'schedule', at: GIVE_UP })
    const stopping = on(hung, events.restart).child
    expect(childStatus(stopping, timed, NOW)).toMatchObject({ state: 'stopping', hungSince: NOW - 10_000 })
  })

  it('is given up at its deadline: counted, and replaced as one that ended', () => {
    const after = on(hung, events.due, GIVE_UP)
    expect(kinds(after)).toBe('give_up schedule')
    expect(after.child).toMatchObject({
      state: { name: 'restarting', startAt: GIVE_UP },
      restartCount: 1,
      lastExit: { reason: 'hung', error: { message: expect.stringContaining('within 3000 ms and was given up') } },
    })
    const next = on(after.child, events.due, GIVE_UP)
    expect(kinds(next)).toBe('spawn schedule')
    expect(childStatus(next.child, timed, GIVE_UP)).toMatchObject({
      state: 'starting',
      incarnation: 4,
      stuck: { count: 1, since: NOW - 10_000 },
    })
    expect(childStatus(next.child, timed, GIVE_UP)).not.toHaveProperty('hungSince')
    const released = on(next.child, { kind: 'released', incarnation: 3 }, GIVE_UP + 5)
    expect(kinds(released)).toBe('')
    expect(childStatus(released.child, timed, GIVE_UP)).not.toHaveProperty('stuck')
  })

  it('is replaced at once when that was ordered, and not when a stop was', () => {
    expect(kinds(on(on(hung, events.restart).child, events.due))).toBe('give_up spawn schedule')
    const stopped = on(on(hung, events.stop).child, events.due)
    expect(kinds(stopped)).toBe('give_up unschedule')
    expect(stopped.child).toMatchObject({ state: { name: 'stopped' }, stuck: [{ incarnation: 3 }] })
  })

  it('has no successor when two are lost; one that ends brings it, and so does no order before', () => {
    const one = { ...hung, stuck: [{ incarnation: 1, since: 5 }] }
    const parked = on(one, events.due, GIVE_UP)
    expect(kinds(parked)).toBe('give_up unschedule')
    expect(childStatus(parked.child, timed, NOW)).toMatchObject({
      state: 'failed',
      stuck: { count: 2, since: 5 },
      nextStep: expect.stringContaining('2 earlier threads sit in native code'),
    })
    for (const order of [events.start, events.restart]) {
      expect(on(parked.child, order).child.state).toMatchObject({ name: 'failed', isCrowded: true })
    }
    expect(kinds(on(parked.child, { kind: 'released', incarnation: 1 }))).toBe('spawn schedule')
    const stopped = on(parked.child, events.stop).child
    expect(on(stopped, { kind: 'released', incarnation: 1 }).child.state.name).toBe('stopped')
  })
})
