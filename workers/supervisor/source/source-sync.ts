import { type BackoffPolicy, backoffDelayMs } from '../../../src/core/time/backoff.ts'
import type { Clock } from '../../../src/core/time/clock.ts'
import {
  type ErrorRecord,
  errorText,
  FeishuSupervisorError,
  fromErrorRecord,
  toErrorRecord,
} from '../../../src/core/errors.ts'
import type { BotReconciler } from '../bots/bot-reconciler.ts'
import type { BotRegistry } from '../bots/bot-registry.ts'
import type { SourceBots } from './source-bots.ts'

export interface SourceSyncDeps {
  readonly source: Pick<SourceBots, 'read' | 'get'>
  /** Applies each bot of the source. Rejects and leaves the bot as it was when that fails. */
  readonly reconciler: Pick<BotReconciler, 'put' | 'drop'>
  readonly registry: Pick<BotRegistry, 'known' | 'botIds'>
  /** Wakes the dispatcher, because a new bot may have stored events. */
  wake(): void
  /** Reports an error of the source or of one of its rows; undefined: all bots are readable. */
  changed(error: ErrorRecord | undefined): void
  readonly clock: Clock
  readonly random: () => number
}

const RETRY: BackoffPolicy = { firstMs: 1_000, maxMs: 60_000, factor: 2, jitter: 0.2 }

/**
 * Keeps the bots equal to a bot source. Changes are read one after the other, so that an older reading never overtakes
 * a newer one. After an error all bots are read again, with growing delays, until that succeeds. Running bots continue.
 */
export class SourceSync {
  readonly #deps: SourceSyncDeps
  /** Ids of the bots to read next. */
  #wanted: Set<string> | 'all' = new Set()
  #reading: Promise<void> | undefined
  #failures = 0
  #error: ErrorRecord | undefined
  #isClosed = false
  #hasRead = false
  #cancelRetry: () => void = () => {}

  constructor(deps: SourceSyncDeps) {
    this.#deps = deps
  }

  get status(): { readonly ready: boolean; readonly error?: ErrorRecord } {
    return this.#error === undefined ? { ready: true } : { ready: false, error: this.#error }
  }

  /** Reads one bot again, by default all bots. Resolves when the reading is done or failed. */
  async refresh(botId?: string): Promise<void> {
    if (botId === undefined) this.#wanted = 'all'
    else if (this.#wanted !== 'all') this.#wanted.add(botId)
    this.#reading ??= this.#readAll().finally(() => {
      this.#reading = undefined
    })
    await this.#reading
  }

  /** Stops all reading. */
  close(): void {
    this.#isClosed = true
    this.#cancelRetry()
  }

  async #readAll(): Promise<void> {
    while (!this.#isClosed && (this.#wanted === 'all' || this.#wanted.size > 0)) {
      const wanted = this.#wanted
      this.#wanted = new Set()
      try {
        if (wanted === 'all') {
          await this.#readEverything()
          this.#set(undefined)
        } else for (const botId of wanted) await this.#readOne(botId)
      } catch (thrown) {
        this.#set(toErrorRecord(thrown))
      }
    }
  }

  async #readEverything(): Promise<void> {
    const { source, reconciler, registry, wake } = this.#deps
    const { bots, unusable, failure } = await source.read()
    // With `failure`, `bots` is the last good reading. The first reading after a start uses it.
    if (failure !== undefined && this.#hasRead) throw fromErrorRecord(failure)
    const known = new Set([...bots.map(({ id }) => id), ...unusable.map(({ botId }) => botId)])
    const wrong = unusable.map(({ botId, why }) => `bot ${botId}: ${why}`)
    // Removed bots go first: an app may have moved from one row to another.
    for (const botId of registry.botIds()) if (!known.has(botId)) await reconciler.drop(botId)
    for (const bot of bots) {
      if (this.#isClosed) return
      await reconciler.put(bot).catch((thrown: unknown) => wrong.push(`bot ${bot.id}: ${errorText(thrown)}`))
    }
    this.#hasRead = true
    registry.known()
    wake()
    if (failure !== undefined) throw fromErrorRecord(failure)
    if (wrong.length > 0) throw new FeishuSupervisorError('BOT_SOURCE_FAILED', wrong.join('\n'))
  }

  async #readOne(botId: string): Promise<void> {
    const { source, reconciler, wake } = this.#deps
    try {
      const bot = await source.get(botId)
      await (bot === null ? reconciler.drop(botId) : reconciler.put(bot))
      wake()
    } catch (thrown) {
      throw new FeishuSupervisorError('BOT_SOURCE_FAILED', `bot ${botId}: ${errorText(thrown)}`)
    }
  }

  #set(error: ErrorRecord | undefined): void {
    const { clock, random, changed } = this.#deps
    const hasChanged = error?.message !== this.#error?.message
    this.#error = error
    this.#cancelRetry()
    this.#failures = error === undefined ? 0 : this.#failures + 1
    if (error !== undefined && !this.#isClosed) {
      const delayMs = backoffDelayMs(this.#failures, RETRY, random())
      this.#cancelRetry = clock.after(delayMs, () => void this.refresh())
    }
    if (hasChanged) changed(error)
  }
}
