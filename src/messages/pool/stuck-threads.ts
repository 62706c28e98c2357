import type { StuckBot } from '../../protocol/model/status.ts'
import type { Sleeper } from '../writes/sleeper.ts'
import { failed } from './pool-run.ts'

/** An ended thread is gone within milliseconds unless it sits in native code. */
export const MAX_TERMINATION_MS = 1_000

/** One bot may lose so many threads; what it is given after that would lose more. */
const MOST_OF_BOT = 2

/** Outcome of a run whose bot gets no thread. */
export const USED_UP = failed(
  'POOL_THREAD_DIED',
  'runs of this bot sit in native code and do not let go of their threads: it gets no further thread',
)

export interface StuckThreadsDeps {
  readonly sleeper: Sleeper
  /** So many threads do not end now. */
  readonly onStuck: (stuck: number) => void
  /** A thread that was ended is gone. */
  readonly onGone: () => void
}

/** Threads that were told to end and have not ended yet, and whose handlers keep them. */
export class StuckThreads {
  readonly #deps: StuckThreadsDeps
  readonly #ending = new Set<Promise<void>>()
  /** Threads of each bot that may end any moment. */
  readonly #inDoubt = new Map<string, number>()
  readonly #byBot = new Map<string, number>()
  #count = 0

  constructor(deps: StuckThreadsDeps) {
    this.#deps = deps
  }

  get count(): number {
    return this.#count
  }

  /** Those whose code is known to sit in the threads. */
  get bots(): readonly StuckBot[] {
    return [...this.#byBot].map(([botId, threads]) => ({ botId, threads, isUsedUp: this.isUsedUpBy(botId) }))
  }

  /**
   * Whether a thread that was ended in its code sits in native code will be known in a second at most. Until then the
   * bot gets no further one, or a burst of messages would lose a thread each.
   */
  isInDoubt(botId: string | undefined): boolean {
    return botId !== undefined && this.#inDoubt.has(botId)
  }

  /** The bot has used up its own. */
  isUsedUpBy(botId: string | undefined): boolean {
    return botId !== undefined && (this.#byBot.get(botId) ?? 0) >= MOST_OF_BOT
  }

  /** Resolves when all that were told to end are gone, which may be never. */
  async allGone(): Promise<void> {
    await Promise.all(this.#ending)
  }

  /** `gone` resolves with the end of the thread; `botId` had its code on the stack. */
  async follow(gone: Promise<void>, botId: string | undefined): Promise<void> {
    const { sleeper, onStuck, onGone } = this.#deps
    this.#ending.add(gone)
    add(this.#inDoubt, botId, 1)
    const isGone = await sleeper.within(MAX_TERMINATION_MS, gone)
    add(this.#inDoubt, botId, -1)
    if (!isGone) {
      this.#add(botId, 1)
      onStuck(this.#count)
      await gone
      this.#add(botId, -1)
    }
    this.#ending.delete(gone)
    onGone()
  }

  #add(botId: string | undefined, by: 1 | -1): void {
    this.#count += by
    add(this.#byBot, botId, by)
  }
}

/** Bots without a thread are left out. */
function add(counts: Map<string, number>, botId: string | undefined, by: 1 | -1): void {
  if (botId === undefined) return
  const count = (counts.get(botId) ?? 0) + by
  if (count === 0) counts.delete(botId)
  else counts.set(botId, count)
}
