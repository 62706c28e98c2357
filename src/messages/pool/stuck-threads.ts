import type { Sleeper } from '../writes/sleeper.ts'

/** An ended thread is gone within milliseconds unless it sits in native code. */
export const MAX_TERMINATION_MS = 1_000

/** One bot may lose so many threads; what it is given after that would lose more. */
const MOST_OF_BOT = 2

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
  readonly #byBot = new Map<string, number>()
  #count = 0

  constructor(deps: StuckThreadsDeps) {
    this.#deps = deps
  }

  get count(): number {
    return this.#count
  }

  /** The bot has used up its own. */
  isUsedUpBy(botId: string): boolean {
    return (this.#byBot.get(botId) ?? 0) >= MOST_OF_BOT
  }

  /** Resolves when all that were told to end are gone, which may be never. */
  async allGone(): Promise<void> {
    await Promise.all(this.#ending)
  }

  /** `gone` resolves with the end of the thread; `botId` had its code on the stack. */
  async follow(gone: Promise<void>, botId: string | undefined): Promise<void> {
    const { sleeper, onStuck, onGone } = this.#deps
    this.#ending.add(gone)
    if (!(await sleeper.within(MAX_TERMINATION_MS, gone))) {
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
    if (botId !== undefined) this.#byBot.set(botId, (this.#byBot.get(botId) ?? 0) + by)
    if (botId !== undefined && this.#byBot.get(botId) === 0) this.#byBot.delete(botId)
  }
}
