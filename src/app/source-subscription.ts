import { errorText, FeishuSupervisorError } from '../core/errors.ts'
import type { BotSource } from '../protocol/model/bot-source.ts'

/** Passes on what a source tells of changes; what the supervisor thread did not hear it reads when it is there again. */
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

  /** The supervisor thread can be told again. */
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
