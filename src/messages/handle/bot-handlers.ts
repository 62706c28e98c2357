import type { BotSettings } from '../../protocol/model/bot-settings.ts'
import type { HandlerRef } from '../../protocol/chat.ts'
import type { InboundEventKind } from '../../protocol/model/inbound-event.ts'

/** Where handlers run: in the threads of the chat pool, or on the host's thread, a number of runs at a time. */
export type Executor = 'pool' | 'host'

/** A handler that is loaded. */
export interface BotHandler {
  readonly ref: HandlerRef
  /** The kinds of events it has functions for. */
  readonly kinds: ReadonlySet<InboundEventKind>
}

/** Which bot has which handler now. */
export interface BotHandlers {
  /** Undefined for a bot that is not known here, or whose handler is not. */
  of(botId: string): BotHandler | undefined
  /** Known bots whose handler runs there. */
  botIdsOf(executor: Executor): readonly string[]
  /** Whether a handler that runs there has a function for cards. */
  handlesCards(executor: Executor): boolean
}

/** How each bot is set now; a change is live. */
export interface BotDirectory {
  /** Undefined for a bot that is not known here. */
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
    // Asked for every message: mostly no handler at all runs on the host's thread.
    if (executor === 'host' && ![...this.#handlers.values()].some((handler) => executorOf(handler) === executor))
      return []
    return this.#bots.botIds().filter((botId) => executorOf(this.of(botId)) === executor)
  }

  handlesCards(executor: Executor): boolean {
    return [...this.#handlers.values()].some(
      (handler) => executorOf(handler) === executor && handler.kinds.has('card_action'),
    )
  }
}

/** A bot without a loaded handler counts towards the pool. */
export function executorOf(handler: BotHandler | undefined): Executor {
  return handler?.ref.kind === 'host' ? 'host' : 'pool'
}
