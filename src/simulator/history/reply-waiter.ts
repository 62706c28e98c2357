import { systemClock } from '../../core/time/clock.ts'
import { deferred } from '../../core/time/deferred.ts'
import type { History, HistoryEntry } from './history.ts'

export interface ReplyProgress {
  /** True: the awaited replies are visible. False: the wait timed out. */
  readonly isComplete: boolean
  readonly repliedCount: number
  /** Number of sent messages without a visible reply, recalled messages excluded. */
  readonly unansweredCount: number
}

/** Tracks which sent messages have a visible reply. Callers can wait for the missing replies. */
export class ReplyWaiter {
  readonly #unanswered = new Set<string>()
  readonly #waiters = new Set<(isLast: boolean) => void>()
  readonly #isTrafficRunning: () => boolean
  #repliedCount = 0

  constructor(history: History, isTrafficRunning: () => boolean) {
    this.#isTrafficRunning = isTrafficRunning
    history.subscribe((entry) => this.#onEntry(entry))
  }

  /**
   * Resolves when `count` messages have a reply. Without `count`: when all messages have one and no traffic is running.
   * After `timeoutMs` it resolves with `isComplete: false`.
   */
  wait(options: { readonly count?: number; readonly timeoutMs: number }): Promise<ReplyProgress> {
    const { count, timeoutMs } = options
    const isComplete = (): boolean =>
      count === undefined ? this.#unanswered.size === 0 && !this.#isTrafficRunning() : this.#repliedCount >= count
    const { promise, resolve } = deferred<ReplyProgress>()
    const check = (isLast: boolean): void => {
      if (!isLast && !isComplete()) return
      this.#waiters.delete(check)
      cancelTimer()
      resolve({
        isComplete: isComplete(),
        repliedCount: this.#repliedCount,
        unansweredCount: this.#unanswered.size,
      })
    }
    const cancelTimer = systemClock.after(timeoutMs, () => check(true))
    this.#waiters.add(check)
    check(false)
    return promise
  }

  /** Ends every wait at once. */
  stop(): void {
    for (const check of this.#waiters) check(true)
  }

  #onEntry(entry: HistoryEntry): void {
    if (entry.kind === 'sent') {
      this.#unanswered.add(entry.messageId)
    } else if (entry.kind === 'recalled') {
      if (this.#unanswered.delete(entry.messageId)) for (const check of this.#waiters) check(false)
    } else if (entry.kind === 'message_created' && entry.replyTo !== undefined) {
      if (!this.#unanswered.delete(entry.replyTo)) return
      this.#repliedCount += 1
      for (const check of this.#waiters) check(false)
    }
  }
}
