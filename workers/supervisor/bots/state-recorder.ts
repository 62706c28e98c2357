import { type BotReport, type ConnectionWord, connectionWord } from '../../../src/protocol/model/status.ts'
import type { BotStore } from '../../../src/store/store.ts'

export interface StateRecorderDeps {
  /** Throws while there is none. */
  store(): Pick<BotStore, 'recordStates'>
  readonly fastAttempts: number
}

/**
 * The only writer of `ws_connection_state`: every change of a bot's word, in order, one statement at a time.
 * While a statement runs or the database is away only the newest word of a bot is kept.
 */
export class StateRecorder {
  readonly #deps: StateRecorderDeps
  /** Stored, or on the way. */
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

  /** The database may be back. */
  retry(): void {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined
    })
  }

  /** Resolves when all is written, or could not be. */
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
        // Reported by the store session, which asks again when the database is back.
        for (const { id, state } of states) if (!this.#waiting.has(id)) this.#waiting.set(id, state)
        return
      }
    }
  }
}
