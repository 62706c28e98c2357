import type { HandlerRef } from '../../protocol/chat.ts'
import { keyOf } from './pool-run.ts'

const CROWDED_MS = 3_600_000

/** How many runs of a handler one thread may have. */
export class HandlerLimits {
  readonly #runsPerThread: number
  readonly #crowded = new Map<string, { readonly runs: number; readonly untilAt: number }>()

  constructor(runsPerThread: number) {
    this.#runsPerThread = runsPerThread
  }

  of(handler: HandlerRef, now: number): number {
    const own = handler.kind === 'module' ? (handler.runsPerThread ?? this.#runsPerThread) : this.#runsPerThread
    const crowded = this.#crowded.get(keyOf(handler))
    return Math.min(own, this.#runsPerThread, crowded !== undefined && now < crowded.untilAt ? crowded.runs : own)
  }

  /** Together they were too big for a thread: for an hour there are fewer. Answers until when. */
  crowded(handlerKey: string, runs: number, now: number): number {
    const untilAt = now + CROWDED_MS
    this.#crowded.set(handlerKey, { runs, untilAt })
    return untilAt
  }
}
