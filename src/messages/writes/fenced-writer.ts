import { type BackoffPolicy, backoffDelayMs } from '../../core/time/backoff.ts'
import { GroupCommit } from './group-commit.ts'
import type { Sleeper } from './sleeper.ts'

/**
 * `held`: written. `lost`: somebody else has the lane, nothing was changed. `unsure`: the fence no
 * longer holds, but an earlier try ended without an answer. `unwritten`: the store did not answer before the stop.
 */
export type Written = 'held' | 'lost' | 'unsure' | 'unwritten'

export interface FencedWriterDeps<T> {
  readonly write: (items: readonly T[]) => Promise<readonly boolean[]>
  readonly maxBatch: number
  readonly backoff: BackoffPolicy
  readonly sleeper: Sleeper
  readonly random: () => number
  /** No further tries. */
  readonly isStopped: () => boolean
}

/**
 * Writes results until the store answers, always with the fence of the claim they belong to.
 *
 * That makes a lost answer harmless: had the first try been committed, the repetition finds a fence
 * that no longer holds and changes nothing; had it not, the repetition is the write. And if the lane
 * went to another instance meanwhile, neither can touch what that one does.
 */
export class FencedWriter<T> {
  readonly #deps: FencedWriterDeps<T>
  readonly #commits: GroupCommit<T, boolean>

  constructor(deps: FencedWriterDeps<T>) {
    this.#deps = deps
    this.#commits = new GroupCommit(deps.write, deps.maxBatch)
  }

  async write(item: T): Promise<Written> {
    const { backoff, sleeper, random, isStopped } = this.#deps
    for (let tries = 1; !isStopped(); tries++) {
      try {
        const isHeld = await this.#commits.add(item)
        if (isHeld) return 'held'
        return tries === 1 ? 'lost' : 'unsure'
      } catch {
        await sleeper.wait(backoffDelayMs(tries, backoff, random())).over
      }
    }
    return 'unwritten'
  }
}
