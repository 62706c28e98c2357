import type { Claimed } from '../../src/store/store.ts'
import type { Fact, RunPlan } from './lifecycle-history.ts'
import type { SharedInbox } from './lifecycle-link.ts'
import type { Process } from './lifecycle-process.ts'
import type { EventRow, MemoryStore } from './memory-store.ts'

interface Activity {
  readonly process: Process
  readonly id: string
  readonly lane: string
  readonly claimedAt: number
}

/** Sees what instances do at the same time, and whose right to do it still holds. */
export class Watch {
  readonly history: Fact[] = []
  readonly store: MemoryStore
  readonly #active = new Set<Activity>()
  /** By owner and message: the position in the history of the latest claim that the owner knows of. */
  readonly #claimedAt = new Map<string, number>()
  readonly #revokedAt = new Map<string, number>()
  readonly #begun = new Set<string>()

  constructor(store: MemoryStore) {
    this.store = store
  }

  record(fact: Fact): void {
    this.history.push(fact)
  }

  /** Committed now; whoever is not told of it, as its answer is lost, goes on by the right it had before. */
  claimed(owner: string, items: readonly Claimed[]): () => void {
    const at = this.history.length
    const ids = items.map((item) => (item.kind === 'event' ? item.id : item.replies[0]?.eventId))
    const rows = this.store.rows.filter(({ id }) => ids.includes(id))
    return () => {
      for (const row of rows) this.#claimedAt.set(`${owner} ${messageOf(row)}`, at)
    }
  }

  revoked(owner: string, held: readonly EventRow[]): void {
    this.#revokedAt.set(owner, this.history.length + 1)
    this.record({ kind: 'revoked', owner })
    for (const row of held) this.record({ kind: 'rescued', id: messageOf(row), owner })
  }

  run(process: Process, id: string, plan: RunPlan['kind']): Activity {
    this.record({ kind: 'run', id, plan })
    this.#begun.add(`${process.owner} ${id}`)
    return this.begin(process, id)
  }

  /** A handler or a send begins; no other of its chat may be on, except of an instance that lost its claims. */
  begin(process: Process, id: string): Activity {
    const row = this.store.rows.find((candidate) => messageOf(candidate) === id)
    const lane = row === undefined ? id : laneOf(row)
    const claimedAt = this.#claimedAt.get(`${process.owner} ${id}`) ?? 0
    const activity = { process, id, lane, claimedAt }
    if (this.#holds(activity)) {
      for (const other of this.#active) {
        if (other.lane !== lane || !this.#holds(other)) continue
        // It had lost the lane and got it again: the first claim is over, the fence of the second counts.
        if (other.process === process && this.#revokedAt.has(process.owner)) continue
        this.record({ kind: 'violation', what: `${other.id} and ${id} were in flight at the same time` })
      }
    }
    this.#active.add(activity)
    return activity
  }

  end(activity: Activity): void {
    this.#active.delete(activity)
  }

  /** Whoever writes down what became of a send does not wait for it any more. */
  observed(owner: string, inbox: SharedInbox): SharedInbox {
    return {
      accept: (events, claim) => inbox.accept(events, claim),
      claim: (claim) => inbox.claim(claim),
      finish: (finished) => {
        for (const { id, result } of finished) this.#end(owner, id, result.kind === 'released')
        return inbox.finish(finished)
      },
      settle: (settled) => {
        for (const { eventId } of settled) this.#endSends(owner, eventId)
        return inbox.settle(settled)
      },
    }
  }

  #end(owner: string, eventId: number, isReleased: boolean): void {
    const row = this.store.rows.find((candidate) => candidate.id === eventId)
    const id = row === undefined ? '' : messageOf(row)
    // The write may be repeated, and what was never begun is not cut short.
    if (this.#begun.delete(`${owner} ${id}`) && isReleased) this.record({ kind: 'cut', id })
  }

  #endSends(owner: string, eventId: number): void {
    const row = this.store.rows.find((candidate) => candidate.id === eventId)
    for (const activity of this.#active) {
      if (activity.process.owner === owner && row !== undefined && activity.id === messageOf(row)) this.end(activity)
    }
  }

  #holds({ process, claimedAt }: Activity): boolean {
    return !process.isDead && (this.#revokedAt.get(process.owner) ?? -1) <= claimedAt
  }
}

/** By what the user sees, whatever a store made of keys and lanes. */
export function messageOf({ event }: EventRow): string {
  return event.eventId.slice('e-'.length)
}

function laneOf({ botId, event }: EventRow): string {
  const { event: body } = JSON.parse(event.payload) as { event: { message: { chat_id: string } } }
  return `${botId}/${body.message.chat_id}`
}
