import { KeyedQueue } from '../../../src/core/time/keyed-queue.ts'
import type { BotSettings } from '../../../src/protocol/model/bot-settings.ts'
import type { Bot } from '../../../src/store/store.ts'

/** Current records of the bots that this instance knows. */
export class BotRegistry {
  readonly #bots = new Map<string, Bot>()
  readonly #perApp = new KeyedQueue()
  #isOpen = false

  /** True when the list of bots is complete. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Marks the list of bots as complete. */
  known(): void {
    this.#isOpen = true
  }

  get(botId: string): Bot | undefined {
    return this.#bots.get(botId)
  }

  all(): readonly Bot[] {
    return [...this.#bots.values()]
  }

  botIds(): readonly string[] {
    return [...this.#bots.keys()]
  }

  /** Undefined when no bot has this app. */
  botOfApp(appId: string): Bot | undefined {
    return this.all().find((bot) => bot.appId === appId)
  }

  /** Undefined for an unknown bot. */
  settingsOf(botId: string): BotSettings | undefined {
    return this.#bots.get(botId)
  }

  set(bot: Bot): void {
    this.#bots.set(bot.id, bot)
  }

  /** False for an unknown bot. */
  delete(botId: string): boolean {
    return this.#bots.delete(botId)
  }

  /** Adds the open id that the bot's worker reported when `bot` does not have it yet. */
  withOpenId(bot: Bot): Bot {
    const known = this.#bots.get(bot.id)
    return bot.openId === null && known?.appId === bot.appId ? { ...bot, openId: known.openId } : bot
  }

  /**
   * Runs the changes of all bots of one app one after the other: the previous bot of the app may still be closing its
   * connection. `appId` is used when the bot is unknown.
   */
  inTurn<T>(botId: string, appId: string, run: () => Promise<T>): Promise<T> {
    return this.#perApp.run(this.#bots.get(botId)?.appId ?? appId, run)
  }
}
