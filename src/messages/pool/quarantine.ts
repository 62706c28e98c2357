/**
 * The runs of a thread that died without anybody being named. Who of them did it shows when it does it again; if
 * all pass, they were too many for one thread.
 */
export class Quarantine {
  /** Of the handler that most of them have. */
  readonly handlerKey: string
  readonly #most: number
  #open: number
  #isSolved = false

  constructor(handlerKeys: readonly string[]) {
    const counts = new Map<string, number>()
    for (const key of handlerKeys) counts.set(key, (counts.get(key) ?? 0) + 1)
    const [[handlerKey, most] = ['', 0]] = [...counts].toSorted(([, a], [, b]) => b - a)
    this.handlerKey = handlerKey
    this.#most = most
    this.#open = handlerKeys.length
  }

  /** Somebody is to blame: the others are cleared. */
  solve(): void {
    this.#isSolved = true
  }

  /**
   * One of the runs has its outcome. Answers, after the last one, how many runs of the handler a thread should have;
   * undefined if somebody was to blame or some are still open.
   */
  settled(): number | undefined {
    this.#open -= 1
    if (this.#open > 0 || this.#isSolved) return undefined
    return Math.max(1, Math.floor(this.#most / 2))
  }
}
