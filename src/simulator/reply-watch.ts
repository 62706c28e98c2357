import { systemClock } from '../core/clock.ts'
import { deferred } from '../core/deferred.ts'
import type { History, HistoryEntry } from './history.ts'

export interface ReplyProgress {
  /** Whether what was waited for has happened. */
  readonly isComplete: boolean
  readonly repliedCount: number
  /** Sent messages without a visible reply. */
  readonly unansweredCount: number
}

/** Knows at any time which sent messages have a visible reply, and lets callers wait for the others. */
export class ReplyWatch {
  readonly #unanswered = new Set<string>()
  readonly #waiters = new Set<() => void>()
  readonly #isTrafficRunning: () => boolean
  #repliedCount = 0

  constructor(history: History, isTrafficRunning: () => boolean) {
    this.#isTrafficRunning = isTrafficRunning
    history.subscribe((entry) => this.#onEntry(entry))
  }

  /**
   * Resolves when `count` messages have a reply; without `count`, when all have and no traffic is running.
   * After `timeoutMs` it resolves too, with `isComplete: false`.
   */
  wait(options: { readonly count?: number; readonly timeoutMs: number }): Promise<ReplyProgress> {
    const { count, timeoutMs } = options
    const isComplete = (): boolean =>
      count === undefined ? this.#unanswered.size === 0 && !this.#isTrafficRunning() : this.#repliedCount >= count
    const { promise, resolve } = deferred<ReplyProgress>()
    const settle = (complete: boolean): void => {
      this.#waiters.delete(check)
      cancelTimer()
      resolve({
        isComplete: complete,
        repliedCount: this.#repliedCount,
        unansweredCount: this.#unanswered.size,
      })
    }
    const check = (): void => {
      if (isComplete()) settle(true)
    }
    const cancelTimer = systemClock.after(timeoutMs, () => settle(isComplete()))
    this.#waiters.add(check)
    check()
    return promise
  }

  /** To be called when traffic ends: nothing else says that no more messages will come. */
  onTrafficDone(): void {
    for (const check of this.#waiters) check()
  }

  #onEntry(entry: HistoryEntry): void {
    if (entry.kind === 'sent') {
      this.#unanswered.add(entry.messageId)
    } else if (entry.kind === 'message_created' && entry.replyTo !== undefined) {
      if (!this.#unanswered.delete(entry.replyTo)) return
      this.#repliedCount += 1
      for (const check of this.#waiters) check()
    }
  }
}
