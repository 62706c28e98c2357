import { assertNever } from '../assert-never.ts'
import type { Child, ChildEffect, ChildEvent, ChildPolicy, ChildState, ChildEnding, LastExit } from './child-state.ts'
import { type ExitReason, exitError, classifyExit, type ObservedExit } from './exit-reason.ts'
import { decideRestart } from './restart-policy.ts'

export interface ChildStep {
  readonly child: Child
  readonly effects: readonly ChildEffect[]
}

export function newChild(now: number): Child {
  return {
    state: { name: 'stopped', since: now },
    incarnation: 0,
    restartedAt: [],
    restartCount: 0,
    attempt: 0,
    stuck: [],
  }
}

/** Applies one event. `random` is in [0, 1). An event that does not fit the state changes nothing. */
export function stepChild(
  child: Child,
  event: ChildEvent,
  now: number,
  random: number,
  policy: ChildPolicy,
): ChildStep {
  const { state } = child
  switch (event.kind) {
    case 'start':
      return onStart(child, now, policy)
    case 'ready':
      if (state.name !== 'starting' || state.ordered !== undefined) return same(child)
      return { child: { ...child, state: { name: 'running', since: now } }, effects: [{ kind: 'unschedule' }] }
    case 'due':
      return onDue(child, now, random, policy)
    case 'exited':
      return onExited(child, event.exit, now, random, policy)
    case 'released':
      return onReleased(child, event.incarnation, now, policy)
    case 'stop':
      if (state.name === 'starting' || state.name === 'running') return stopping(child, false, now, policy)
      if (state.name === 'stopping') return { child: { ...child, state: { ...state, isWanted: false } }, effects: [] }
      if (state.name === 'stopped') return same(child)
      return { child: { ...child, state: { name: 'stopped', since: now } }, effects: [{ kind: 'unschedule' }] }
    case 'restart':
      if (state.name === 'starting' || state.name === 'running')
        return stopping(withoutHistory(child), true, now, policy)
      return onStart(withoutHistory(child), now, policy)
    case 'kill':
      if (state.name !== 'starting' && state.name !== 'running') return same(child)
      return ordered(child, state, event.reason, now, policy, event.hungSince)
    default:
      return assertNever(event)
  }
}

function onDue(child: Child, now: number, random: number, policy: ChildPolicy): ChildStep {
  const { state } = child
  switch (state.name) {
    case 'restarting':
      return spawning(child, now, policy, [])
    case 'starting':
    case 'running':
    case 'stopping':
      if (state.giveUpAt !== undefined) return givenUp(child, state, now, random, policy)
      return state.name === 'starting' ? ordered(child, state, 'start_timeout', now, policy) : same(child)
    case 'stopped':
    case 'failed':
      return same(child)
    default:
      return assertNever(state)
  }
}

/** Orders the thread to end. The first order keeps its reason and its deadline. */
function ordered(
  child: Child,
  state: Extract<ChildState, { readonly name: 'starting' | 'running' }>,
  reason: ExitReason,
  now: number,
  policy: ChildPolicy,
  hungSince?: number,
): ChildStep {
  if (state.ordered !== undefined && policy.endTimeoutMs !== undefined) return same(child)
  const since = hungSince === undefined ? {} : { hungSince }
  const { ending, effects } = orderToEnd(now, policy)
  return { child: { ...child, state: { ...state, ordered: reason, ...since, ...ending } }, effects }
}

function stopping(child: Child, isWanted: boolean, now: number, policy: ChildPolicy): ChildStep {
  const since = 'hungSince' in child.state ? { hungSince: child.state.hungSince } : {}
  const { ending, effects } = orderToEnd(now, policy)
  return {
    child: { ...child, state: { name: 'stopping', since: now, isWanted, ...since, ...ending } },
    effects: [{ kind: 'unschedule' }, ...effects],
  }
}

function orderToEnd(
  now: number,
  { endTimeoutMs }: ChildPolicy,
): { ending: ChildEnding; effects: readonly ChildEffect[] } {
  if (endTimeoutMs === undefined) return { ending: {}, effects: [{ kind: 'terminate' }] }
  const giveUpAt = now + endTimeoutMs
  return { ending: { giveUpAt }, effects: [{ kind: 'terminate' }, { kind: 'schedule', at: giveUpAt }] }
}

/** The thread has not ended in time. It is counted, and the child goes on as if it had ended. */
function givenUp(
  child: Child,
  state: Extract<ChildState, { readonly name: 'starting' | 'running' | 'stopping' }>,
  now: number,
  random: number,
  policy: ChildPolicy,
): ChildStep {
  const since = state.hungSince ?? now - (policy.endTimeoutMs ?? 0)
  const text = `it did not end within ${policy.endTimeoutMs ?? 0} ms and was given up: it sits in native code`
  const stuck = [...child.stuck, { incarnation: child.incarnation, since }]
  const exit = { exitCode: 1, thrown: { value: new Error(text) } }
  const next = onExited({ ...child, stuck }, exit, now, random, policy)
  return { child: next.child, effects: [{ kind: 'give_up' }, ...next.effects] }
}

function onReleased(child: Child, incarnation: number, now: number, policy: ChildPolicy): ChildStep {
  const released = { ...child, stuck: child.stuck.filter((thread) => thread.incarnation !== incarnation) }
  if (child.state.name === 'failed' && child.state.isCrowded === true) return spawning(released, now, policy, [])
  return { child: released, effects: [] }
}

function onStart(child: Child, now: number, policy: ChildPolicy): ChildStep {
  const { state } = child
  switch (state.name) {
    case 'stopped':
      return spawning(child, now, policy, [])
    case 'failed':
      return spawning(withoutHistory(child), now, policy, [])
    case 'restarting':
      return spawning(child, now, policy, [{ kind: 'unschedule' }])
    case 'stopping':
      return { child: { ...child, state: { ...state, isWanted: true } }, effects: [] }
    case 'starting':
    case 'running':
      return same(child)
    default:
      return assertNever(state)
  }
}

function onExited(child: Child, exit: ObservedExit, now: number, random: number, policy: ChildPolicy): ChildStep {
  const { state } = child
  if (state.name !== 'starting' && state.name !== 'running' && state.name !== 'stopping') return same(child)
  const reason =
    state.name === 'stopping' ? 'shutdown' : (state.ordered ?? classifyExit(exit, state.name === 'running'))
  const error = exitError(exit)
  const lastExit: LastExit = { at: now, reason, exitCode: exit.exitCode, ...(error === undefined ? {} : { error }) }
  const ended: Child = { ...child, lastExit }

  if (state.name === 'stopping') {
    if (state.isWanted) return spawning(ended, now, policy, [])
    return { child: { ...ended, state: { name: 'stopped', since: now } }, effects: [{ kind: 'unschedule' }] }
  }
  if (isCrowded(ended, policy)) return crowded(ended, now, [])
  const ranForMs = state.name === 'running' ? now - state.since : 0
  const decision = decideRestart(reason, { ...child, ranForMs }, policy, now, random)
  if (decision.kind === 'fail') {
    return {
      child: { ...ended, state: { name: 'failed', since: now, why: decision.why } },
      effects: [{ kind: 'unschedule' }],
    }
  }
  return {
    child: {
      ...ended,
      state: { name: 'restarting', since: now, startAt: decision.startAt },
      restartedAt: decision.restartedAt,
      restartCount: child.restartCount + 1,
      attempt: decision.attempt,
    },
    effects: [{ kind: 'schedule', at: decision.startAt }],
  }
}

function spawning(child: Child, now: number, policy: ChildPolicy, before: readonly ChildEffect[]): ChildStep {
  if (isCrowded(child, policy)) return crowded(child, now, before)
  const incarnation = child.incarnation + 1
  return {
    child: { ...child, incarnation, state: { name: 'starting', since: now } },
    effects: [...before, { kind: 'spawn', incarnation }, { kind: 'schedule', at: now + policy.startTimeoutMs }],
  }
}

function isCrowded({ stuck }: Child, { mostStuck }: ChildPolicy): boolean {
  return mostStuck !== undefined && stuck.length >= mostStuck
}

/** Every further thread might be lost in the same way. */
function crowded(child: Child, now: number, before: readonly ChildEffect[]): ChildStep {
  const why = `${child.stuck.length} earlier threads sit in native code and do not end: a further one is started when one of them ends; find the call that does not return, or restart the process`
  return {
    child: { ...child, state: { name: 'failed', since: now, why, isCrowded: true } },
    effects: [...before, { kind: 'unschedule' }],
  }
}

/** Forgets past restarts, because an operator decided to restart. */
function withoutHistory(child: Child): Child {
  return { ...child, restartedAt: [], attempt: 0 }
}

function same(child: Child): ChildStep {
  return { child, effects: [] }
}
