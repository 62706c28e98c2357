import { type BotReport, type ConnectionWord, connectionWord } from '../../../src/protocol/model/status.ts'
import type { BotStore } from '../../../src/store/store.ts'

export interface StateRecorderDeps {
  /** Throws `STORE_UNAVAILABLE` while no store is open. */
  store(): Pick<BotStore, 'recordStates'>
  readonly fastAttempts: number
}

/**
 * Writes every change of a bot's `ConnectionWord` to `ws_connection_state`, in order, one statement at a time. It is
 * the only writer. While a statement runs or the database is away, only the newest word of each bot is kept.
 */
export class StateRecorder {
  readonly #deps: StateRecorderDeps
  /** Newest word of each bot: stored, in a statement or waiting. */
  readonly #known = new Map<string, ConnectionWord>()
  readonly #waiting = new Map<string, ConnectionWord>()
  #writing: Promise<void> | undefined

  constructor(deps: StateRecorderDeps) {
    this.#deps = deps
  }

  record(report: BotReport): void {
    const word = connectionWord(report, this.#deps.fastAttempts)
    if (this.#known.get(report.botId) === word) return
    this.#known.set(report.botId, word)
    this.#waiting.set(report.botId, word)
    this.retry()
  }

  /** Writes the waiting words now; for the moment when the database may be back. */
  retry(): void {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined
    })
  }

  /** Resolves when all waiting words are written or the write failed. */
  async flush(): Promise<void> {
    this.retry()
    await this.#writing
  }

  async #write(): Promise<void> {
    while (this.#waiting.size > 0) {
      const states = [...this.#waiting].map(([id, state]) => ({ id, state }))
      this.#waiting.clear()
      try {
        await this.#deps.store().recordStates(states)
      } catch {
        // The store session reports the error and calls `retry` when the database is back.
        for (const { id, state } of states) if (!this.#waiting.has(id)) this.#waiting.set(id, state)
        return
      }
    }
  }
}
