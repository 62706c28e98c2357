/** A thread that ended by itself or was ended because it hung, as it was at its death. */
export interface Death {
  /** Its script ran: before that nothing of a handler can have been in it. */
  readonly wasReady: boolean
  /** The number of the run that was on the stack, perhaps one that had ended before; 0: of none. */
  readonly onStack: number
  /** The runs under way, by number. */
  readonly runs: readonly number[]
  /** Runs that ever began in it. */
  readonly begunCount: number
}

/** What becomes of the runs of a dead thread; each is in one of the lists. */
export interface Verdict {
  /** Proved: nothing else was ever in the thread. */
  readonly guilty: readonly number[]
  /** Runs alone next. */
  readonly suspects: readonly number[]
  /** Begun again, as usual. */
  readonly innocent: readonly number[]
  /** One of them did it, or all together: each group has a thread to itself next. */
  readonly groups: readonly (readonly number[])[]
  /** The thread could not be started. */
  readonly unstarted: readonly number[]
}

const NOBODY: Verdict = { guilty: [], suspects: [], innocent: [], groups: [], unstarted: [] }

/** Who pays for the death of a thread. Pure. */
export function blame({ wasReady, onStack, runs, begunCount }: Death): Verdict {
  if (!wasReady) return { ...NOBODY, unstarted: runs }
  const [first] = runs
  if (first === undefined) return NOBODY
  if (begunCount === 1) return { ...NOBODY, guilty: [first] }
  if (runs.includes(onStack)) {
    return { ...NOBODY, suspects: [onStack], innocent: runs.filter((run) => run !== onStack) }
  }
  // What a run that has ended left behind is nobody's fault of those that are here.
  if (onStack !== 0) return { ...NOBODY, innocent: runs }
  if (runs.length === 1) return { ...NOBODY, suspects: [first] }
  const half = Math.ceil(runs.length / 2)
  return { ...NOBODY, groups: [runs.slice(0, half), runs.slice(half)] }
}

/** The limit of a run has passed. */
export interface Overdue {
  readonly run: number
  readonly onStack: number
  /** For so long the event loop of its thread has not answered; 0 if it does. */
  readonly stillMs: number
  /** Nothing else was ever in the thread. */
  readonly isAlone: boolean
}

/** A loop that is late by less may just be busy. */
export const LATE_MS = 50

/** Answers how much longer the run is waited for, because the thread stands still for another one; 0: it failed. Pure. */
export function respiteMs({ run, onStack, stillMs, isAlone }: Overdue): number {
  return stillMs <= LATE_MS || isAlone || onStack === run ? 0 : stillMs
}
