import type { Clock } from '../../../src/core/time/clock.ts'

export interface PresenceCheckDeps {
  /** 0: never. */
  readonly everyMs: number
  readonly clock: Clock
  /** How many connections Feishu counts; undefined: not known this time. */
  count(): Promise<number | undefined>
  /** Feishu counts none although one is open: pongs arrive, events do not. */
  zombie(): void
  /** Feishu counted so many beside our own; reported at every change. */
  foreign(count: number): void
}

/** Each zombie in a row doubles the wait for the next check: a count that is wrong must not cost a connection every time. */
const MOST_DOUBLINGS = 6

/** Compares what Feishu counts with the one connection that a bot has, as long as it has one. */
export class PresenceCheck {
  readonly #deps: PresenceCheckDeps
  #cancel: () => void = () => {}
  /** Counts the connections watched, so that the answer to a question about an earlier one changes nothing. */
  #round = 0
  #zombies = 0
  #foreign = 0
  #lastExtra = 0

  constructor(deps: PresenceCheckDeps) {
    this.#deps = deps
  }

  start(): void {
    this.stop()
    this.#checkLater()
  }

  stop(): void {
    this.#cancel()
    this.#round += 1
  }

  #checkLater(): void {
    const { everyMs, clock } = this.#deps
    if (everyMs === 0) return
    this.#cancel = clock.after(everyMs * 2 ** Math.min(this.#zombies, MOST_DOUBLINGS), () => void this.#check())
  }

  async #check(): Promise<void> {
    const round = this.#round
    const count = await this.#deps.count()
    if (round !== this.#round) return
    if (count === 0) {
      this.#zombies += 1
      return this.#deps.zombie()
    }
    if (count !== undefined) this.#onCounted(count - 1)
    this.#checkLater()
  }

  /** Twice in a row: a connection of ours that was cut a moment ago may still be counted. */
  #onCounted(extra: number): void {
    this.#zombies = 0
    const foreign = Math.min(extra, this.#lastExtra)
    this.#lastExtra = extra
    if (foreign === this.#foreign) return
    this.#foreign = foreign
    this.#deps.foreign(foreign)
  }
}
