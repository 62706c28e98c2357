import type { Worker } from 'node:worker_threads'
import { usedMemoryMb } from './memory-budget.ts'

/**
 * A thread shows that its event loop turns by counting in memory it shares with whoever watches it: no
 * message that could be late, nothing to answer.
 */
export interface Heartbeat {
  readonly everyMs: number
  /** Two numbers: beats so far, megabytes in use. */
  readonly beats: SharedArrayBuffer
}

/** One look at a thread. */
export interface Pulse {
  readonly beats: number
  /** At the last beat: heap and Buffers, megabytes. */
  readonly memoryMb: number
  /** Share of the time since the last look that its event loop was not waiting, 0 to 1. */
  readonly utilization: number
}

export function newHeartbeat(everyMs: number): Heartbeat {
  return { everyMs, beats: new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT) }
}

/** Runs in the watched thread, for as long as it lives or until the returned function is called. */
export function startBeating({ everyMs, beats }: Heartbeat): () => void {
  const cells = new Int32Array(beats)
  const timer = setInterval(() => {
    Atomics.store(cells, 1, usedMemoryMb())
    Atomics.add(cells, 0, 1)
  }, everyMs)
  return () => clearInterval(timer)
}

/** Answers a look at a worker at every call; needs nothing of the worker. */
export function pulseOf({ performance }: Worker, { beats }: Heartbeat): () => Pulse {
  const cells = new Int32Array(beats)
  let last = performance.eventLoopUtilization()
  return () => {
    const total = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(total, last)
    last = total
    // No times at all: the loop does not turn yet, because the thread is still in the first run of its script.
    return {
      beats: Atomics.load(cells, 0),
      memoryMb: Atomics.load(cells, 1),
      utilization: total.active + total.idle === 0 ? 1 : utilization,
    }
  }
}
