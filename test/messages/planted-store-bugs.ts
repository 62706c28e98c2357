import type { Claimed, Fence, FinishedEvent } from '../../src/store/store.ts'
import type { SharedInbox } from './lifecycle-link.ts'
import type { EventRow, MemoryStore } from './memory-store.ts'

export function withoutDedupe(store: MemoryStore): SharedInbox {
  let count = 0
  return {
    ...plain(store),
    accept: (events) =>
      store.accept(
        events.map(({ event, ...rest }) => ({
          ...rest,
          event: { ...event, dedupeKey: `${event.dedupeKey}~${count++}` },
        })),
      ),
  }
}

/** Claims any row that is available: every event is a lane of its own. */
export function withoutLanes(store: MemoryStore): SharedInbox {
  return {
    ...plain(store),
    accept: (events) =>
      store.accept(events.map(({ event, ...rest }) => ({ ...rest, event: { ...event, lane: event.dedupeKey } }))),
  }
}

export function finishesUnfenced(store: MemoryStore): SharedInbox {
  const latest = latestClaims(store)
  const finish: SharedInbox['finish'] = (finished) =>
    store.finish(finished.map((item) => ({ ...item, fence: latest.fenceOf(item.id) ?? item.fence })))
  return { ...plain(store), claim: latest.claim, finish }
}

export function settlesUnfenced(store: MemoryStore): SharedInbox {
  const latest = latestClaims(store)
  const settle: SharedInbox['settle'] = (settled) =>
    store.settle(settled.map((item) => ({ ...item, fence: latest.fenceOf(item.eventId) ?? item.fence })))
  return { ...plain(store), claim: latest.claim, settle }
}

/** Fences by owner and attempt, as 0.1 did: a claim given back uncounted and made again has both once more. */
export function fencesByAttempt(store: MemoryStore): SharedInbox {
  /** By epoch. */
  const attempts = new Map<number, number>()
  const note = (item: Claimed | undefined): void => {
    if (item?.kind === 'event') attempts.set(item.fence.epoch, item.attempt)
  }
  const inAttempts = ({ id, fence, result }: FinishedEvent): FinishedEvent => {
    const row = rowOf(store, id)
    const isSame = row !== undefined && row.owner === fence.owner && row.attempt === attempts.get(fence.epoch)
    return { id, fence: isSame ? { owner: fence.owner, epoch: row.epoch ?? 0 } : fence, result }
  }
  return {
    ...plain(store),
    async accept(events, claim) {
      const accepted = await store.accept(events, claim)
      for (const { claimed } of accepted) note(claimed)
      return accepted
    },
    async claim(claim) {
      const result = await store.claim(claim)
      result.items.forEach(note)
      return result
    },
    finish: (finished) => store.finish(finished.map(inAttempts)),
  }
}

/** A run that does not come back leaves no trace. */
export function countsAfterRun(store: MemoryStore): SharedInbox {
  return {
    ...plain(store),
    async claim(claim) {
      const result = await store.claim(claim)
      for (const item of result.items) {
        const row = item.kind === 'event' ? rowOf(store, item.id) : undefined
        if (row !== undefined) row.attempt -= 1
      }
      return result
    },
    finish(finished) {
      for (const { id, fence } of finished) {
        const row = rowOf(store, id)
        if (row?.state === 'executing' && row.epoch === fence.epoch) row.attempt += 1
      }
      return store.finish(finished)
    },
  }
}

export function retriesLast(store: MemoryStore): SharedInbox {
  return {
    ...plain(store),
    async finish(finished) {
      const held = await store.finish(finished)
      for (const [index, { id, result }] of finished.entries()) {
        const row = rowOf(store, id)
        if (held[index] !== true || result.kind !== 'retry' || row === undefined) continue
        store.rows.splice(store.rows.indexOf(row), 1)
        store.rows.push(row)
      }
      return held
    },
  }
}

export function keepsLaneOfDead(store: MemoryStore): SharedInbox {
  const bury = ({ id, fence, result }: FinishedEvent): boolean => {
    const row = rowOf(store, id)
    if (result.kind !== 'dead' || row?.state !== 'executing' || row.epoch !== fence.epoch) return false
    row.state = 'dead'
    return true
  }
  return {
    ...plain(store),
    async finish(finished) {
      const held: boolean[] = []
      for (const item of finished) held.push(bury(item) || (await store.finish([item]))[0] === true)
      return held
    },
  }
}

export function reversesParts(store: MemoryStore): SharedInbox {
  return withItems(store, (item) => (item.kind === 'replies' ? { ...item, replies: item.replies.toReversed() } : item))
}

/** Forgets that the handler has decided already. */
export function runsAgain(store: MemoryStore): SharedInbox {
  return withItems(store, (item) => {
    const [head] = item.kind === 'replies' ? item.replies : []
    const row = rowOf(store, head?.eventId)
    if (row === undefined || head === undefined) return item
    const { id, botId, event } = row
    const { fence } = head
    Object.assign(row, { state: 'executing', ...fence, attempt: row.attempt + 1, replies: [] })
    const { lane, type, dedupeKey, payload } = event
    const { attempt, deaths } = row
    const counts = { attempt, deaths, wasClaimed: true }
    return { kind: 'event', id, botId, lane, type, dedupeKey, payload, fence, ...counts, ageMs: 0, staleMs: 0 }
  })
}

function withItems(store: MemoryStore, change: (item: Claimed) => Claimed): SharedInbox {
  return {
    ...plain(store),
    async claim(claim) {
      const { items, nextDueMs } = await store.claim(claim)
      return { items: items.map(change), nextDueMs }
    },
  }
}

function plain(store: MemoryStore): SharedInbox {
  return {
    accept: (events, claim) => store.accept(events, claim),
    claim: (claim) => store.claim(claim),
    finish: (finished) => store.finish(finished),
    settle: (settled) => store.settle(settled),
  }
}

/** The fence that would hold, which a store without fences does not ask for. */
function latestClaims(store: MemoryStore): {
  readonly claim: SharedInbox['claim']
  fenceOf(id: number): Fence | undefined
} {
  const fences = new Map<number, Fence>()
  return {
    async claim(claim) {
      const result = await store.claim(claim)
      for (const item of result.items) {
        if (item.kind === 'event') fences.set(item.id, item.fence)
        else for (const { eventId, fence } of item.replies) fences.set(eventId, fence)
      }
      return result
    },
    fenceOf: (id) => fences.get(id),
  }
}

function rowOf(store: MemoryStore, id: number | undefined): EventRow | undefined {
  return store.rows.find((row) => row.id === id)
}
