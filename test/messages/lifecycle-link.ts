import type { Clock } from '../../src/core/time/clock.ts'
import { FeishuSupervisorError } from '../../src/core/errors.ts'
import type {
  Accepted,
  Claimed,
  ClaimResult,
  Fence,
  FinishedEvent,
  InboxStore,
  SettledReply,
} from '../../src/store/store.ts'
import type { Process } from './lifecycle-process.ts'
import type { EventRow } from './memory-store.ts'

export type SharedInbox = Pick<InboxStore, 'accept' | 'claim' | 'finish' | 'settle'>
export type Call = keyof SharedInbox | 'lease'

/** `before`: nothing happened. `after`: committed, only the answer is lost. `late`: given up, and carried out much later. */
export type CallFault = 'before' | 'after' | 'late'

/** Where an instance can be struck: a statement has left, it is committed, its answer is there. */
export type Point =
  | `${Call}.${'sent' | 'committed' | 'answered'}`
  | 'run.began'
  | 'run.ended'
  | 'ack'
  | `send.${'left' | 'answered'}`

export interface Network {
  readonly clock: Clock
  /** The fault of the next call of this kind, if one is planned. */
  faultOf(call: Call): CallFault | undefined
  readonly isDown: () => boolean
  latency(): number
  /** After how long a statement is carried out whose sender gave up. */
  lateness(): number
  /** Whether a write without an answer is known when it is made again. */
  remembers(): boolean
  pass(point: Point, process: Process): void
}

export interface LinkOptions {
  /** For the search of a result that was written before. */
  readonly rows: readonly EventRow[]
  /** Told of each claim as it is committed; what it returns is called when the answer is there. */
  readonly onClaimed: (items: readonly Claimed[]) => () => void
  readonly givesLostBack: boolean
}

const STATEMENT_TIMEOUT_MS = 1_500

/** One instance's way to the database they all share. What was sent arrives, whether its sender still lives or not. */
export class Link implements SharedInbox {
  readonly #inbox: SharedInbox
  readonly #network: Network
  readonly #process: Process
  readonly #onClaimed: LinkOptions['onClaimed']
  readonly #givesLostBack: boolean
  readonly #rows: readonly EventRow[]
  readonly #unanswered = new Set<string>()
  /** Claimed for us by calls whose answer never came; given back before the next claim. */
  #lost: Claimed[] = []

  constructor(inbox: SharedInbox, network: Network, process: Process, { rows, onClaimed, givesLostBack }: LinkOptions) {
    this.#inbox = inbox
    this.#network = network
    this.#process = process
    this.#onClaimed = onClaimed
    this.#givesLostBack = givesLostBack
    this.#rows = rows
  }

  accept(...[events, claim]: Parameters<SharedInbox['accept']>): Promise<Accepted[]> {
    return this.#claiming(
      'accept',
      () => this.#inbox.accept(events, claim),
      (accepted) => accepted.flatMap(({ claimed = [] }) => claimed),
    )
  }

  claim(claim: Parameters<SharedInbox['claim']>[0]): Promise<ClaimResult> {
    const commit = async (): Promise<ClaimResult> => {
      if (this.#givesLostBack) await this.#giveBack(this.#lost.splice(0))
      return await this.#inbox.claim(claim)
    }
    return this.#claiming('claim', commit, ({ items }) => items)
  }

  async #claiming<T>(call: Call, commit: () => Promise<T>, claimedIn: (answer: T) => readonly Claimed[]): Promise<T> {
    let committed: readonly Claimed[] = []
    let onAnswered = (): void => {}
    let isGivenUp = false
    const answer = this.call(call, async () => {
      const result = await commit()
      committed = claimedIn(result)
      onAnswered = this.#onClaimed(committed)
      if (isGivenUp) this.#lost.push(...committed)
      return result
    })
    try {
      const result = await answer
      onAnswered()
      return result
    } catch (error) {
      isGivenUp = true
      this.#lost.push(...committed)
      throw error
    }
  }

  finish(finished: readonly FinishedEvent[]): Promise<boolean[]> {
    const isDone = ({ id, fence, result }: FinishedEvent): boolean => {
      const row = this.#rows.find((candidate) => candidate.id === id)
      const isUntouched = row?.replies.every(({ state, epoch }) => state === 'pending' && epoch === fence.epoch)
      return isUntouched === true && row?.state === result.kind && isSame(row, fence)
    }
    return this.#repeatable('finish', finished, isDone, () => this.#inbox.finish(finished))
  }

  settle(settled: readonly SettledReply[]): Promise<boolean[]> {
    const isDone = ({ eventId, part, fence, result }: SettledReply): boolean => {
      const reply = this.#rows.find(({ id }) => id === eventId)?.replies[part]
      return reply?.state === result.kind && reply.epoch === fence.epoch
    }
    return this.#repeatable('settle', settled, isDone, () => this.#inbox.settle(settled))
  }

  /** Every statement has its moments before and after the commit; each is one of its own. */
  call<T>(call: Call, commit: () => Promise<T>): Promise<T> {
    const network = this.#network
    const fault = network.faultOf(call)
    return this.#process.reach(async () => {
      network.pass(`${call}.sent`, this.#process)
      if (fault === 'late') {
        network.clock.after(network.lateness(), () => void commit())
        await this.#wait(STATEMENT_TIMEOUT_MS)
        throw unavailable()
      }
      await this.#wait(network.latency())
      if (fault === 'before' || network.isDown()) throw unavailable()
      const answer = await commit()
      network.pass(`${call}.committed`, this.#process)
      await this.#wait(network.latency())
      if (fault === 'after') throw unavailable()
      network.pass(`${call}.answered`, this.#process)
      return answer
    })
  }

  /** A write made again after its answer was lost counts as a success when its result is found; mostly it is remembered. */
  async #repeatable<T>(
    call: 'finish' | 'settle',
    items: readonly T[],
    isDone: (item: T) => boolean,
    commit: () => Promise<boolean[]>,
  ): Promise<boolean[]> {
    const keys = items.map((item) => JSON.stringify(item))
    try {
      const held = await this.call(call, commit)
      return held.map(
        (isHeld, index) => isHeld || (this.#unanswered.delete(keys[index] ?? '') && isDone(items[index]!)),
      )
    } catch (error) {
      for (const key of keys) if (this.#network.remembers()) this.#unanswered.add(key)
      throw error
    }
  }

  async #giveBack(items: readonly Claimed[]): Promise<void> {
    for (const item of items) {
      if (item.kind === 'event') {
        await this.#inbox.finish([{ id: item.id, fence: item.fence, result: { kind: 'released' } }])
        continue
      }
      const [head] = item.replies
      if (head === undefined) continue
      const { eventId, part, fence } = head
      const error = { code: 'STORE_UNAVAILABLE', message: 'the claim was lost', retryable: true } as const
      const result = { kind: 'retry', afterMs: 0, error, isRefused: true } as const
      await this.#inbox.settle([{ eventId, part, fence, result }])
    }
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#network.clock.after(ms, resolve)
    })
  }
}

function isSame(row: EventRow, fence: Fence): boolean {
  return row.owner === fence.owner && row.epoch === fence.epoch
}

function unavailable(): FeishuSupervisorError {
  return new FeishuSupervisorError('STORE_UNAVAILABLE', 'the store does not answer')
}
