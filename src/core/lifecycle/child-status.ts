import { assertNever } from '../assert-never.ts'
import type { Child, ChildState, ChildEnding, LastExit } from './child-state.ts'
import { type RestartPolicy, restartsInWindow } from './restart-policy.ts'

/** Status of a child for operators. Instants are milliseconds since the epoch. */
export interface ChildStatus {
  readonly state: ChildState['name']
  readonly since: number
  /** Number of threads spawned for this child. Frames of another incarnation are dropped. */
  readonly incarnation: number
  readonly restartsInWindow: number
  readonly restartCount: number
  readonly lastExit?: LastExit
  /** Since when the event loop of the present thread stands still; the thread is being ended. Absent: it turns. */
  readonly hungSince?: number
  /** Earlier threads that were given up and sit in native code: how many, and since when the oldest. Absent: none. */
  readonly stuck?: { readonly count: number; readonly since: number }
  /** The next automatic step, or what an operator has to do. */
  readonly nextStep?: string
  readonly nextAt?: number
}

/** Builds the status of a child for operators. */
export function childStatus(child: Child, policy: RestartPolicy, now: number): ChildStatus {
  const { state, stuck } = child
  const hungSince = 'hungSince' in state ? state.hungSince : undefined
  const [oldest] = stuck
  return {
    state: state.name,
    since: state.since,
    incarnation: child.incarnation,
    restartsInWindow: restartsInWindow(child.restartedAt, policy.limit, now).length,
    restartCount: child.restartCount,
    ...(child.lastExit === undefined ? {} : { lastExit: child.lastExit }),
    ...(hungSince === undefined ? {} : { hungSince }),
    ...(oldest === undefined ? {} : { stuck: { count: stuck.length, since: oldest.since } }),
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
      return {
        ...(state.isWanted ? { nextStep: 'restarting once the present thread has ended' } : {}),
        ...givenUpNext(state),
      }
    case 'starting':
    case 'running':
      if (state.ordered !== undefined)
        return { nextStep: `the thread is being ended (${state.ordered}), then restarted`, ...givenUpNext(state) }
      return state.name === 'running'
        ? {}
        : { nextStep: 'the thread becomes ready, or is ended', nextAt: state.since + policy.startTimeoutMs }
    case 'stopped':
      return {}
    default:
      return assertNever(state)
  }
}

function givenUpNext({ giveUpAt }: ChildEnding): Pick<ChildStatus, 'nextAt'> {
  return giveUpAt === undefined ? {} : { nextAt: giveUpAt }
}
