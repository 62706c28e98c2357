import type { BotSettings } from '../../protocol/model/bot-settings.ts'
import { type HandlerRef, isExclusive } from '../../protocol/chat.ts'
import type { InboundEventKind } from '../../protocol/model/inbound-event.ts'

/**
 * Where handlers run. `pool`: in threads that many runs share. `exclusive`: each run alone in a thread. `host`: on the
 * host's thread.
 */
export type Executor = 'pool' | 'exclusive' | 'host'

export const EXECUTORS: readonly Executor[] = ['pool', 'exclusive', 'host']

/** A handler that is loaded. */
export interface BotHandler {
  readonly ref: HandlerRef
  /** The kinds of events it has functions for. */
  readonly kinds: ReadonlySet<InboundEventKind>
}

/** Finds the current handler of each bot. */
export interface BotHandlers {
  /** Returns the handler of a bot. Undefined when the bot or its handler is not known here. */
  of(botId: string): BotHandler | undefined
  /** Returns the known bots whose handler runs in `executor`. */
  botIdsOf(executor: Executor): readonly string[]
  /** True when handlers may run in `executor`. */
  isUsed(executor: Executor): boolean
  /** True when a handler that runs in `executor` has a function for card actions. */
  handlesCards(executor: Executor): boolean
}

/** Reads the current settings of bots. A change takes effect at once. */
export interface BotDirectory {
  /** Returns the settings of a bot. Undefined when the bot is not known here. */
  settingsOf(botId: string): BotSettings | undefined
  botIds(): readonly string[]
}

export class LoadedHandlers implements BotHandlers {
  readonly #bots: BotDirectory
  readonly #handlers = new Map<string, BotHandler>()

  constructor(bots: BotDirectory) {
    this.#bots = bots
  }

  add(name: string, handler: BotHandler): void {
    this.#handlers.set(name, handler)
  }

  of(botId: string): BotHandler | undefined {
    return this.#handlers.get(this.#bots.settingsOf(botId)?.handler ?? '')
  }

  botIdsOf(executor: Executor): readonly string[] {
    return this.#bots.botIds().filter((botId) => executorOf(this.of(botId)) === executor)
  }

  isUsed(executor: Executor): boolean {
    // Also bots whose handler is missing run in the pool.
    return executor === 'pool' || [...this.#handlers.values()].some((handler) => executorOf(handler) === executor)
  }

  handlesCards(executor: Executor): boolean {
    return [...this.#handlers.values()].some(
      (handler) => executorOf(handler) === executor && handler.kinds.has('card_action'),
    )
  }
}

/** A bot without a loaded handler counts towards the pool. */
export function executorOf(handler: BotHandler | undefined): Executor {
  if (handler?.ref.kind === 'host') return 'host'
  return handler !== undefined && isExclusive(handler.ref) ? 'exclusive' : 'pool'
}
