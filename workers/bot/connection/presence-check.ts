import type { Clock } from '../../../src/core/time/clock.ts'

export interface PresenceCheckDeps {
  /** Interval, milliseconds. 0: never. */
  readonly everyMs: number
  readonly clock: Clock
  /** Number of connections by Feishu's count. Undefined: unknown this time. */
  count(): Promise<number | undefined>
  /** Called if Feishu counts no connection although one is open: pongs arrive, events do not. */
  zombie(): void
  /** Called when the number of other connections beside our own changes. */
  foreign(count: number): void
}

/** Each zombie in a row doubles the wait for the next check: a wrong count must not cost a connection every time. */
const MAX_DOUBLINGS = 6

/** Compares Feishu's count with the one connection of the bot while it is open. */
export class PresenceCheck {
  readonly #deps: PresenceCheckDeps
  #cancel: () => void = () => {}
  /** Number of the watched connection, so that a late answer about an earlier connection changes nothing. */
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
    this.#cancel = clock.after(everyMs * 2 ** Math.min(this.#zombies, MAX_DOUBLINGS), () => void this.#check())
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

  /** Counts only connections seen twice in a row: our own connection that was just cut may still be counted. */
  #onCounted(extra: number): void {
    this.#zombies = 0
    const foreign = Math.min(extra, this.#lastExtra)
    this.#lastExtra = extra
    if (foreign === this.#foreign) return
    this.#foreign = foreign
    this.#deps.foreign(foreign)
  }
}
