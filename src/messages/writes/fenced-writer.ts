import { type BackoffPolicy, backoffDelayMs } from '../../core/time/backoff.ts'
import { GroupCommit } from './group-commit.ts'
import type { Sleeper } from './sleeper.ts'

/**
 * Result of a fenced write. `held`: written. `lost`: another claim has the lane, nothing was changed. `unsure`: the
 * fence no longer holds, but an earlier try ended without an answer. `unwritten`: the store did not answer before
 * the stop.
 */
export type Written = 'held' | 'lost' | 'unsure' | 'unwritten'

export interface FencedWriterDeps<T> {
  readonly write: (items: readonly T[]) => Promise<readonly boolean[]>
  readonly maxBatch: number
  readonly backoff: BackoffPolicy
  readonly sleeper: Sleeper
  readonly random: () => number
  /** True when no further try may start. */
  readonly isStopped: () => boolean
}

/**
 * Writes results until the store answers, always with the fence of the claim they belong to.
 *
 * The fence makes a lost answer harmless. If the first try was committed, the second finds a fence that no longer
 * holds and changes nothing. If it was not committed, the second try is the write. If the lane went to another
 * instance meanwhile, neither try can change the work of that instance.
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
