import type { BotSettings } from '../../protocol/model/bot-settings.ts'
import type { HandlerRef } from '../../protocol/chat.ts'
import type { InboundEventKind } from '../../protocol/model/inbound-event.ts'

/** Where handlers run: in the threads of the chat pool, or on the host's thread, a number of runs at a time. */
export type Place = 'pool' | 'host'

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
  botIdsOf(place: Place): readonly string[]
  /** Whether a handler that runs there has a function for cards. */
  handlesCards(place: Place): boolean
}

/** How each bot is set now; a change is live. */
export interface BotBook {
  /** Undefined for a bot that is not known here. */
  settingsOf(botId: string): BotSettings | undefined
  botIds(): readonly string[]
}

export class LoadedHandlers implements BotHandlers {
  readonly #bots: BotBook
  readonly #handlers = new Map<string, BotHandler>()

  constructor(bots: BotBook) {
    this.#bots = bots
  }

  add(name: string, handler: BotHandler): void {
    this.#handlers.set(name, handler)
  }

  of(botId: string): BotHandler | undefined {
    return this.#handlers.get(this.#bots.settingsOf(botId)?.handler ?? '')
  }

  botIdsOf(place: Place): readonly string[] {
    // Asked for every message: mostly no handler at all runs on the host's thread.
    if (place === 'host' && ![...this.#handlers.values()].some((handler) => placeOf(handler) === place)) return []
    return this.#bots.botIds().filter((botId) => placeOf(this.of(botId)) === place)
  }

  handlesCards(place: Place): boolean {
    return [...this.#handlers.values()].some(
      (handler) => placeOf(handler) === place && handler.kinds.has('card_action'),
    )
  }
}

/** What has no handler waits in neither place; it counts where most are. */
export function placeOf(handler: BotHandler | undefined): Place {
  return handler?.ref.kind === 'host' ? 'host' : 'pool'
}
