import { AsyncLocalStorage, createHook } from 'node:async_hooks'
import { ThreadMarks } from '../../src/protocol/chat.ts'

/** Whose code runs, across everything asynchronous it begins, also after the run has ended. */
export interface RunContext {
  readonly run: number
}

/**
 * Knows which run the code on the stack belongs to, and shows it in shared memory: of a thread that was ended
 * or died the supervisor thread can still read who had it.
 *
 * Every `await` of the thread pays for it, so the mark is not taken back when code returns: it names the last run
 * that had the thread until other code gets it, at the latest with the next beat.
 */
export class RunContexts {
  readonly #storage = new AsyncLocalStorage<RunContext>()
  readonly #marks: Int32Array

  constructor(marks: Int32Array) {
    const storage = this.#storage
    this.#marks = marks
    // No private fields in here: it is called millions of times.
    createHook({
      before() {
        const context = storage.getStore()
        marks[ThreadMarks.onStack] = context === undefined ? 0 : context.run
      },
    }).enable()
  }

  get current(): RunContext | undefined {
    return this.#storage.getStore()
  }

  run<T>(context: RunContext, work: () => T): T {
    const outer = this.#marks[ThreadMarks.onStack] ?? 0
    this.#marks[ThreadMarks.onStack] = context.run
    try {
      return this.#storage.run(context, work)
    } finally {
      this.#marks[ThreadMarks.onStack] = outer
    }
  }
}
