import type { Clock } from '../../src/core/time/clock.ts'

/**
 * One operating system process: it can vanish, after which nothing of it is heard again, or stand
 * still for a while, as a machine does that swaps or sleeps, and go on without having noticed.
 */
export class Process implements Clock {
  readonly owner: string
  readonly #clock: Clock
  readonly #onDeath: () => void
  #isDead = false
  #missed: (() => void)[] | undefined

  constructor(owner: string, clock: Clock, onDeath: () => void) {
    this.owner = owner
    this.#clock = clock
    this.#onDeath = onDeath
  }

  get isDead(): boolean {
    return this.#isDead
  }

  now(): number {
    return this.#clock.now()
  }

  after(delayMs: number, run: () => void): () => void {
    return this.#clock.after(delayMs, () => this.enter(run))
  }

  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(ms, resolve)
    })
  }

  /** Something reaches the process from outside. */
  enter(run: () => void): void {
    if (this.#isDead) return
    if (this.#missed === undefined) run()
    else this.#missed.push(run)
  }

  /** A call to the outside: none leaves a dead process, and no answer reaches it. */
  reach<T>(call: () => Promise<T>): Promise<T> {
    if (this.#isDead) return new Promise<T>(() => {})
    return new Promise<T>((resolve, reject) => {
      call().then(
        (answer) => this.enter(() => resolve(answer)),
        (error: unknown) => this.enter(() => reject(error)),
      )
    })
  }

  die(): void {
    if (this.#isDead) return
    this.#isDead = true
    this.#onDeath()
  }

  freeze(ms: number): void {
    if (this.#isDead || this.#missed !== undefined) return
    this.#missed = []
    this.#clock.after(ms, () => this.thaw())
  }

  thaw(): void {
    const missed = this.#missed ?? []
    this.#missed = undefined
    for (const run of missed) this.enter(run)
  }
}
