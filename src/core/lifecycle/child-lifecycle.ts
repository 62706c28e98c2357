import { assertNever } from '../assert-never.ts'
import type { ErrorRecord } from '../errors.ts'
import { classifyExit, type ExitReason, exitError, type ObservedExit } from './exit-reason.ts'
import { decideRestart, type RestartPolicy, restartsInWindow } from './restart-policy.ts'

/**
 * Lifecycle of one supervised thread over all its incarnations, as a pure table. The supervisor runs it for each bot
 * worker, the handle for the supervisor thread.
 *
 * At most one thread lives per child: `spawn` is only an effect of leaving a state without a thread (stopped,
 * restarting, failed), and those states are only entered through `exited`.
 */
export type ChildState =
  | { readonly name: 'stopped'; readonly since: number }
  | { readonly name: 'starting'; readonly since: number; readonly ordered?: ExitReason }
  | { readonly name: 'running'; readonly since: number; readonly ordered?: ExitReason }
  /** `isWanted`: a start was requested meanwhile, so the child starts again when its thread has ended. */
  | { readonly name: 'stopping'; readonly since: number; readonly isWanted: boolean }
  | { readonly name: 'restarting'; readonly since: number; readonly startAt: number }
  | { readonly name: 'failed'; readonly since: number; readonly why: string }

export interface Child {
  readonly state: ChildState
  readonly incarnation: number
  /** Instants of restarts that may still count against the intensity, milliseconds since the epoch. */
  readonly restartedAt: readonly number[]
  readonly restartCount: number
  /** Number of restarts in a row without a stable run between them. */
  readonly attempt: number
  readonly lastExit?: LastExit
}

export type ChildEvent =
  | { readonly kind: 'start' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'due' }
  | { readonly kind: 'exited'; readonly exit: ObservedExit }
  | { readonly kind: 'stop' }
  /** An operator wants a new thread now. Ends the present thread first, releases a failed child, forgets past restarts. */
  | { readonly kind: 'restart' }
  /** Ends the thread as a crash would. The restart policy applies. */
  | { readonly kind: 'kill'; readonly reason: 'killed' | 'hung' }

export type ChildEffect =
  | { readonly kind: 'spawn'; readonly incarnation: number }
  | { readonly kind: 'terminate' }
  /** Delivers `due` at that time. Replaces an earlier schedule. */
  | { readonly kind: 'schedule'; readonly at: number }
  | { readonly kind: 'unschedule' }

export interface LastExit {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly reason: ExitReason
  readonly exitCode: number
  readonly error?: ErrorRecord
}

/** Status of a child for operators. Instants are milliseconds since the epoch. */
export interface ChildStatus {
  readonly state: ChildState['name']
  readonly since: number
  /** Number of threads spawned for this child. Frames of another incarnation are dropped. */
  readonly incarnation: number
  readonly restartsInWindow: number
  readonly restartCount: number
  readonly lastExit?: LastExit
  /** The next automatic step, or what an operator has to do. */
  readonly nextStep?: string
  readonly nextAt?: number
}

export interface ChildStep {
  readonly child: Child
  readonly effects: readonly ChildEffect[]
}

export function newChild(now: number): Child {
  return { state: { name: 'stopped', since: now }, incarnation: 0, restartedAt: [], restartCount: 0, attempt: 0 }
}

/** Applies one event. `random` is in [0, 1). An event that does not fit the state changes nothing. */
export function stepChild(
  child: Child,
  event: ChildEvent,
  now: number,
  random: number,
  policy: RestartPolicy,
): ChildStep {
  const { state } = child
  switch (event.kind) {
    case 'start':
      return onStart(child, now, policy)
    case 'ready':
      if (state.name !== 'starting' || state.ordered !== undefined) return same(child)
      return { child: { ...child, state: { name: 'running', since: now } }, effects: [{ kind: 'unschedule' }] }
    case 'due':
      if (state.name === 'restarting') return spawning(child, now, policy, [])
      if (state.name !== 'starting') return same(child)
      return {
        child: { ...child, state: { ...state, ordered: 'start_timeout' } },
        effects: [{ kind: 'terminate' }],
      }
    case 'exited':
      return onExited(child, event.exit, now, random, policy)
    case 'stop':
      if (state.name === 'starting' || state.name === 'running') {
        return {
          child: { ...child, state: { name: 'stopping', since: now, isWanted: false } },
          effects: [{ kind: 'unschedule' }, { kind: 'terminate' }],
        }
      }
      if (state.name === 'stopping') return { child: { ...child, state: { ...state, isWanted: false } }, effects: [] }
      if (state.name === 'stopped') return same(child)
      return { child: { ...child, state: { name: 'stopped', since: now } }, effects: [{ kind: 'unschedule' }] }
    case 'restart':
      if (state.name === 'starting' || state.name === 'running') {
        return {
          child: { ...withoutHistory(child), state: { name: 'stopping', since: now, isWanted: true } },
          effects: [{ kind: 'unschedule' }, { kind: 'terminate' }],
        }
      }
      return onStart(withoutHistory(child), now, policy)
    case 'kill':
      if (state.name !== 'starting' && state.name !== 'running') return same(child)
      return { child: { ...child, state: { ...state, ordered: event.reason } }, effects: [{ kind: 'terminate' }] }
    default:
      return assertNever(event)
  }
}

function onStart(child: Child, now: number, policy: RestartPolicy): ChildStep {
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

function onExited(child: Child, exit: ObservedExit, now: number, random: number, policy: RestartPolicy): ChildStep {
  const { state } = child
  if (state.name !== 'starting' && state.name !== 'running' && state.name !== 'stopping') return same(child)
  const reason =
    state.name === 'stopping' ? 'shutdown' : (state.ordered ?? classifyExit(exit, state.name === 'running'))
  const error = exitError(exit)
  const lastExit: LastExit = { at: now, reason, exitCode: exit.exitCode, ...(error === undefined ? {} : { error }) }
  const ended: Child = { ...child, lastExit }

  if (state.name === 'stopping') {
    if (state.isWanted) return spawning(ended, now, policy, [])
    return { child: { ...ended, state: { name: 'stopped', since: now } }, effects: [] }
  }
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

function spawning(child: Child, now: number, policy: RestartPolicy, before: readonly ChildEffect[]): ChildStep {
  const incarnation = child.incarnation + 1
  return {
    child: { ...child, incarnation, state: { name: 'starting', since: now } },
    effects: [...before, { kind: 'spawn', incarnation }, { kind: 'schedule', at: now + policy.startTimeoutMs }],
  }
}

/** Forgets past restarts, because an operator decided to restart. */
function withoutHistory(child: Child): Child {
  return { ...child, restartedAt: [], attempt: 0 }
}

function same(child: Child): ChildStep {
  return { child, effects: [] }
}

/** Builds the status of a child for operators. */
export function childStatus(child: Child, policy: RestartPolicy, now: number): ChildStatus {
  const { state } = child
  return {
    state: state.name,
    since: state.since,
    incarnation: child.incarnation,
    restartsInWindow: restartsInWindow(child.restartedAt, policy.limit, now).length,
    restartCount: child.restartCount,
    ...(child.lastExit === undefined ? {} : { lastExit: child.lastExit }),
    ...nextStep(state, policy),
  }
}

function nextStep(state: ChildState, policy: RestartPolicy): Pick<ChildStatus, 'nextStep' | 'nextAt'> {
  switch (state.name) {
    case 'restarting':
      return { nextStep: 'restarting', nextAt: state.startAt }
    case 'failed':
      return { nextStep: state.why }
    case 'stopping':
      return state.isWanted ? { nextStep: 'restarting once the present thread has ended' } : {}
    case 'starting':
    case 'running':
      if (state.ordered !== undefined)
        return { nextStep: `the thread is being ended (${state.ordered}), then restarted` }
      return state.name === 'running'
        ? {}
        : { nextStep: 'the thread becomes ready, or is ended', nextAt: state.since + policy.startTimeoutMs }
    case 'stopped':
      return {}
    default:
      return assertNever(state)
  }
}
