import { KeyedQueue } from '../../../src/core/time/keyed-queue.ts'
import type { BotSettings } from '../../../src/protocol/model/bot-settings.ts'
import type { Bot } from '../../../src/store/store.ts'

/** The bots that this instance knows, as they are now. */
export class BotRegistry {
  readonly #bots = new Map<string, Bot>()
  readonly #perApp = new KeyedQueue()
  #isOpen = false

  /** The list of bots is complete. */
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

  /** Undefined for an app of no bot. */
  botOfApp(appId: string): Bot | undefined {
    return this.all().find((bot) => bot.appId === appId)
  }

  /** Undefined for a bot of which nothing is known here. */
  settingsOf(botId: string): BotSettings | undefined {
    return this.#bots.get(botId)
  }

  set(bot: Bot): void {
    this.#bots.set(bot.id, bot)
  }

  /** False if the bot was not known. */
  delete(botId: string): boolean {
    return this.#bots.delete(botId)
  }

  /** The bot with the open id that its worker reported, if the record does not have it yet. */
  withOpenId(bot: Bot): Bot {
    const known = this.#bots.get(bot.id)
    return bot.openId === null && known?.appId === bot.appId ? { ...bot, openId: known.openId } : bot
  }

  /**
   * Runs changes of the bots of one app one after the other: the previous bot of the app may still be closing its
   * connection. `appId` counts where the bot is not known.
   */
  inTurn<T>(botId: string, appId: string, run: () => Promise<T>): Promise<T> {
    return this.#perApp.run(this.#bots.get(botId)?.appId ?? appId, run)
  }
}
