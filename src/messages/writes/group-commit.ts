import { type Deferred, deferred } from '../../core/time/deferred.ts'
import { FeishuSupervisorError, toErrorRecord } from '../../core/errors.ts'

interface Entry<In, Out> extends Deferred<Out> {
  readonly item: In
}

/**
 * Turns many small writes into few transactions. One batch is written at a time, and items that arrive meanwhile
 * form the next batch. So batches grow exactly as far as the database is slow.
 *
 * Order is kept. A failed batch fails its own members only. An error that is not retryable may come from a single
 * member, so the members are then written one by one: one bad event must not block the others for ever.
 */
export class GroupCommit<In, Out> {
  readonly #commit: (items: readonly In[]) => Promise<readonly Out[]>
  readonly #maxBatch: number
  readonly #waiting: Entry<In, Out>[] = []
  #isCommitting = false

  /** `commit` returns one answer per item, in the order of the items. */
  constructor(commit: (items: readonly In[]) => Promise<readonly Out[]>, maxBatch: number) {
    this.#commit = commit
    this.#maxBatch = maxBatch
  }

  /** Number of items that are in no batch yet. */
  get waitingCount(): number {
    return this.#waiting.length
  }

  /** Adds an item. Settles with the answer for this item, after its batch is committed. */
  add(item: In): Promise<Out> {
    const entry = { item, ...deferred<Out>() }
    this.#waiting.push(entry)
    if (!this.#isCommitting) void this.#commitAll()
    return entry.promise
  }

  async #commitAll(): Promise<void> {
    this.#isCommitting = true
    // Items that arrive in the same tick join the first batch.
    await Promise.resolve()
    while (this.#waiting.length > 0) await this.#commitBatch(this.#waiting.splice(0, this.#maxBatch))
    this.#isCommitting = false
  }

  async #commitBatch(batch: readonly Entry<In, Out>[]): Promise<void> {
    try {
      const answers = await this.#commit(batch.map(({ item }) => item))
      if (answers.length !== batch.length) {
        throw new FeishuSupervisorError('INTERNAL', `${batch.length} items were written, ${answers.length} answered`)
      }
      for (const [index, entry] of batch.entries()) entry.resolve(answers[index] as Out)
    } catch (error) {
      if (batch.length > 1 && !toErrorRecord(error).retryable) {
        for (const entry of batch) await this.#commitBatch([entry])
      } else {
        for (const entry of batch) entry.reject(error)
      }
    }
  }
}
