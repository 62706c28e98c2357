import type { Worker } from 'node:worker_threads'
import { usedMemoryMb } from './memory-budget.ts'

/**
 * Heartbeat of a thread: its event loop counts up in memory shared with the watching thread. No message can be late,
 * and no answer is needed.
 */
export interface Heartbeat {
  readonly everyMs: number
  /** Two numbers: the count of beats, and the megabytes in use. */
  readonly beats: SharedArrayBuffer
}

/** One observation of a thread. */
export interface Pulse {
  readonly beats: number
  /** Heap and Buffers at the last beat, megabytes. */
  readonly memoryMb: number
  /** Share of the time since the last observation that its event loop did not wait, 0 to 1. */
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

/** Returns a function that observes the worker at every call. It works without the worker's help. */
export function pulseOf({ performance }: Worker, { beats }: Heartbeat): () => Pulse {
  const cells = new Int32Array(beats)
  let last = performance.eventLoopUtilization()
  return () => {
    const total = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(total, last)
    last = total
    // All times are 0: the loop does not turn yet, because the thread still runs its script for the first time.
    return {
      beats: Atomics.load(cells, 0),
      memoryMb: Atomics.load(cells, 1),
      utilization: total.active + total.idle === 0 ? 1 : utilization,
    }
  }
}
