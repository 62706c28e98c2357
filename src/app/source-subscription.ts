import { errorText, FeishuSupervisorError } from '../core/errors.ts'
import type { BotSource } from '../protocol/model/bot-source.ts'

/** Passes changes of a bot source to the supervisor thread. Changes that the thread missed make it read all bots when it is back. */
export class SourceSubscription {
  readonly #source: BotSource
  readonly #notify: (botId?: string) => Promise<void>
  #end: () => void = () => {}
  #hasMissed = false

  constructor(source: BotSource, notify: (botId?: string) => Promise<void>) {
    this.#source = source
    this.#notify = notify
  }

  /** Throws `BOT_SOURCE_FAILED`. */
  start(): void {
    this.stop()
    try {
      this.#end = this.#source.watch((botId) => this.#changed(botId === undefined ? undefined : String(botId)))
    } catch (cause) {
      throw new FeishuSupervisorError('BOT_SOURCE_FAILED', `botSource.watch: ${errorText(cause)}`, { cause })
    }
  }

  /** Notifies the supervisor thread, which is back, if it missed a change. */
  resume(): void {
    if (this.#hasMissed) this.#changed()
  }

  stop(): void {
    this.#end()
    this.#end = () => {}
  }

  #changed(botId?: string): void {
    this.#hasMissed = false
    this.#notify(botId).catch(() => {
      this.#hasMissed = true
    })
  }
}
