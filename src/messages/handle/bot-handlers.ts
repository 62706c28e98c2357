import type { BotSettings } from '../../protocol/model/bot-settings.ts'
import { type HandlerRef, isExclusive, isIsolated } from '../../protocol/chat.ts'
import type { InboundEventKind } from '../../protocol/model/inbound-event.ts'
import type { ClaimedEvent } from '../../store/store.ts'

/**
 * Where handlers run. `pool`: in threads that many runs share. `exclusive`: each run alone in a thread. `process`: each
 * run alone in a child process. `host`: on the host's thread.
 */
export type Executor = 'pool' | 'exclusive' | 'process' | 'host'

export const EXECUTORS: readonly Executor[] = ['pool', 'exclusive', 'process', 'host']

/** From so many deaths of whole processes on an event is a suspect. The first may have had another cause. */
const SUSPICIOUS_DEATHS = 2

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
  /** True when handlers run in `executor` as a rule. Suspects run in `process` besides, whatever this says. */
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
  /** Asked for every claim. Also bots whose handler is missing run in the pool. */
  readonly #used = new Set<Executor>(['pool'])

  constructor(bots: BotDirectory) {
    this.#bots = bots
  }

  add(name: string, handler: BotHandler): void {
    this.#handlers.set(name, handler)
    this.#used.add(executorOf(handler))
  }

  of(botId: string): BotHandler | undefined {
    return this.#handlers.get(this.#bots.settingsOf(botId)?.handler ?? '')
  }

  botIdsOf(executor: Executor): readonly string[] {
    return this.#bots.botIds().filter((botId) => executorOf(this.of(botId)) === executor)
  }

  isUsed(executor: Executor): boolean {
    return this.#used.has(executor)
  }

  handlesCards(executor: Executor): boolean {
    return [...this.#handlers.values()].some(
      (handler) => executorOf(handler) === executor && handler.kinds.has('card_action'),
    )
  }
}

/** Where a handler runs as a rule. A bot without a loaded handler counts towards the pool. */
export function executorOf(handler: BotHandler | undefined): Executor {
  if (handler === undefined) return 'pool'
  if (handler.ref.kind === 'host') return 'host'
  if (isIsolated(handler.ref)) return 'process'
  return isExclusive(handler.ref) ? 'exclusive' : 'pool'
}

/** Where an event runs that was claimed: a suspect in a child process, if its handler can. */
export function executorFor(event: Pick<ClaimedEvent, 'deaths'>, handler: BotHandler | undefined): Executor {
  const usual = executorOf(handler)
  return handler !== undefined && usual !== 'host' && isSuspect(event) ? 'process' : usual
}

/** Processes have died while the event was handled, and it may be the cause. */
export function isSuspect({ deaths }: Pick<ClaimedEvent, 'deaths'>): boolean {
  return deaths >= SUSPICIOUS_DEATHS
}
