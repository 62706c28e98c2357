/** What a thread has behind it. */
export interface Use {
  /** Runs that ever began in it. */
  readonly begunCount: number
  /** Runs that were given up and go on in it. */
  readonly abandonedCount: number
  /** Heap and Buffers. */
  readonly memoryMb: number
  /** Something was thrown in it that nobody caught. */
  readonly hasFault: boolean
}

export interface WearLimits {
  readonly threadMaxTasks: number
  readonly threadMemoryMb: number
}

export type Wear = 'runs' | 'leaking' | 'memory' | 'fault'

/** A handler that does not end holds what it has; a few of them are borne until the thread is renewed. */
const MOST_ABANDONED = 4

/** A thread that uses so much of its budget gets no further run. */
const SOFT_SHARE = 0.75

/** Why a thread is to be renewed; undefined if it is not. Pure. */
export function wearOf(use: Use, { threadMaxTasks, threadMemoryMb }: WearLimits): Wear | undefined {
  if (use.hasFault) return 'fault'
  if (use.memoryMb > SOFT_SHARE * threadMemoryMb) return 'memory'
  if (use.abandonedCount >= MOST_ABANDONED) return 'leaking'
  return use.begunCount >= threadMaxTasks ? 'runs' : undefined
}
