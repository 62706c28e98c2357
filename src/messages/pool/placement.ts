import { assertNever } from '../../core/assert-never.ts'

/**
 * What a thread is for. `trial` is used once: by a run that is suspected of a thread's death, or by some runs of
 * which one must have caused it.
 */
export type ThreadRole = 'shared' | 'exclusive' | 'burner' | 'trial'

/** A thread as far as placement cares. */
export interface ThreadView {
  readonly role: ThreadRole
  /**
   * `renewing`: it ends with its last run and gets new ones only in need. `full`: the same, for its memory, so it
   * gets none. `blocked`: an overdue run does not let go of it.
   */
  readonly state: 'open' | 'renewing' | 'full' | 'blocked'
  /** Its event loop does not answer in time, or does not turn yet. */
  readonly isLate: boolean
  /** Runs whose code is in it, abandoned ones too. */
  readonly runCount: number
  /** Of them, those of the handler that is to be placed. */
  readonly runsOfHandler: number
}

export interface PlacementLimits {
  /** Threads of a kind. */
  readonly threads: number
  readonly runsPerThread: number
  /** Of this handler in one thread. */
  readonly runsOfHandler: number
}

export type Placement<T> =
  | { readonly kind: 'thread'; readonly thread: T }
  | { readonly kind: 'new_thread' }
  /** There is no room until a thread ends or a run does. */
  | { readonly kind: 'wait' }

/** Trials need two at a time, or they would not get on. */
const LEAST_TRIALS = 2

/** Decides in which thread a run goes on. Pure. */
export function place<T extends ThreadView>(
  role: ThreadRole,
  threads: readonly T[],
  limits: PlacementLimits,
): Placement<T> {
  const mine = threads.filter((thread) => thread.role === role)
  const open = mine.filter(({ state }) => state === 'open')
  const { length: openCount } = open
  switch (role) {
    case 'trial':
      return openCount < Math.max(LEAST_TRIALS, limits.threads) ? { kind: 'new_thread' } : { kind: 'wait' }
    case 'exclusive':
      return firstOf(
        open.filter(({ runCount }) => runCount === 0),
        // One that cannot be used any more still takes a place, or slow renewals would pile up.
        mine.length < 2 * limits.threads && openCount < limits.threads,
      )
    case 'burner':
      return firstOf(byRoom(open, limits), openCount === 0 && mine.length < 2)
    case 'shared': {
      const isNewAllowed = openCount < limits.threads && mine.length < 2 * limits.threads
      const found = firstOf(byRoom(open, limits), isNewAllowed)
      if (found.kind !== 'wait') return found
      // Rather one that has served its time than none.
      return firstOf(byRoom(mine, limits), false)
    }
    default:
      return assertNever(role)
  }
}

/** The answer that suits a thread best first: one whose loop turns, then the one with the fewest runs. */
function byRoom<T extends ThreadView>(threads: readonly T[], limits: PlacementLimits): readonly T[] {
  return threads
    .filter(
      ({ state, runCount, runsOfHandler }) =>
        (state === 'open' || state === 'renewing') &&
        runCount < limits.runsPerThread &&
        runsOfHandler < limits.runsOfHandler,
    )
    .toSorted((a, b) => Number(a.isLate) - Number(b.isLate) || a.runCount - b.runCount)
}

function firstOf<T>([thread]: readonly T[], isNewAllowed: boolean): Placement<T> {
  if (thread !== undefined) return { kind: 'thread', thread }
  return isNewAllowed ? { kind: 'new_thread' } : { kind: 'wait' }
}
