import { AsyncLocalStorage, createHook } from 'node:async_hooks'
import { ThreadMarks } from '../../src/protocol/chat.ts'

/** Whose code runs, across everything asynchronous it begins, also after the run has ended. */
export interface RunContext {
  readonly run: number
}

/** Nested deeper than this nobody is named. */
const MOST_NESTED = 64

/**
 * Knows which run the code on the stack belongs to, and shows it in shared memory: of a thread that was ended
 * or died the supervisor thread can still read who had it. Costs every `await` of the thread about a tenth of a
 * microsecond.
 */
export class RunContexts {
  readonly #storage = new AsyncLocalStorage<RunContext>()
  readonly #marks: Int32Array
  readonly #outer = new Int32Array(MOST_NESTED)
  #depth = 0

  constructor(marks: Int32Array) {
    this.#marks = marks
    createHook({ before: () => this.#enter(this.current?.run ?? 0), after: () => this.#leave() }).enable()
  }

  get current(): RunContext | undefined {
    return this.#storage.getStore()
  }

  run<T>(context: RunContext, work: () => T): T {
    this.#enter(context.run)
    try {
      return this.#storage.run(context, work)
    } finally {
      this.#leave()
    }
  }

  /** After an error nobody caught the stack is empty, whatever was left open. */
  reset(): void {
    this.#depth = 0
    this.#marks[ThreadMarks.onStack] = 0
  }

  #enter(run: number): void {
    if (this.#depth < MOST_NESTED) this.#outer[this.#depth] = this.#marks[ThreadMarks.onStack] ?? 0
    this.#depth += 1
    this.#marks[ThreadMarks.onStack] = run
  }

  #leave(): void {
    this.#depth = Math.max(0, this.#depth - 1)
    this.#marks[ThreadMarks.onStack] = this.#depth < MOST_NESTED ? (this.#outer[this.#depth] ?? 0) : 0
  }
}
