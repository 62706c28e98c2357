import { FeishuSupervisorError } from '../../src/core/errors.ts'

/** What happened, in order, and a way to wait for what is still to happen. */
export class Recorder<T> {
  readonly items: T[] = []
  readonly #waiting = new Set<() => void>()
  #read = 0

  readonly add = (item: T): void => {
    this.items.push(item)
    for (const wake of this.#waiting) wake()
  }

  /** The first matching item after the one that was waited for last. */
  async next(matches: (item: T) => boolean = () => true, timeoutMs = 10_000): Promise<T> {
    const find = () => this.items.findIndex((item, index) => index >= this.#read && matches(item))
    await this.until(() => find() >= 0, timeoutMs)
    const index = find()
    this.#read = index + 1
    return this.items[index] as T
  }

  /** Resolves once `isMet`, which is asked again after every item. */
  async until(isMet: () => boolean, timeoutMs = 10_000): Promise<void> {
    if (isMet()) return
    await new Promise<void>((resolve, reject) => {
      const done = (settle: () => void): void => {
        clearTimeout(timer)
        this.#waiting.delete(check)
        settle()
      }
      const check = (): void => {
        if (isMet()) done(resolve)
      }
      const timer = setTimeout(() => {
        const text = JSON.stringify(this.items.slice(-5))
        done(() => reject(new FeishuSupervisorError('DEADLINE_EXCEEDED', `not within ${timeoutMs} ms; last: ${text}`)))
      }, timeoutMs)
      this.#waiting.add(check)
    })
  }
}
