import { getHeapStatistics } from 'node:v8'
import { FeishuSupervisorError } from '../errors.ts'

/**
 * Memory budget of a thread. The thread checks it itself, far below V8's own limit. At that limit V8 ends the whole
 * process for some shapes of data (a growing Map, Set, dictionary or array of numbers). V8 does not count Buffers.
 */
export interface MemoryBudget {
  /** Allowed heap and Buffers of one thread, megabytes. */
  readonly memoryMb: number
}

const EVERY_MS = 100

const MB = 1_048_576

/** V8's limits for a thread with this budget, as a last resort. The heap limit is three times the budget. */
export function hardLimits({ memoryMb }: MemoryBudget): {
  readonly maxOldGenerationSizeMb: number
  readonly maxYoungGenerationSizeMb: number
} {
  return { maxOldGenerationSizeMb: 3 * memoryMb, maxYoungGenerationSizeMb: Math.max(8, Math.ceil(memoryMb / 16)) }
}

/** Heap and Buffers of the calling thread, megabytes. */
export function usedMemoryMb(): number {
  const { used_heap_size: heap, external_memory: buffers } = getHeapStatistics()
  return Math.round((heap + buffers) / MB)
}

/** Calls `exceeded` when the calling thread exceeds its budget. Default: it throws, which ends the thread. */
export function enforceMemoryBudget(
  { memoryMb }: MemoryBudget,
  exceeded: (error: FeishuSupervisorError) => void = throwIt,
): void {
  setInterval(() => {
    const used = usedMemoryMb()
    if (used <= memoryMb) return
    exceeded(
      new FeishuSupervisorError(
        'MEMORY_EXCEEDED',
        `the thread uses ${used} MB; ${memoryMb} MB are allowed: raise the limit, or look for a leak`,
      ),
    )
  }, EVERY_MS).unref()
}

function throwIt(error: FeishuSupervisorError): never {
  throw error
}
