import type { Clock } from '../../src/core/time/clock.ts'
import type { StoredReply } from '../../src/store/store.ts'
import type { SharedInbox } from './lifecycle-link.ts'

/**
 * Counts what the memory store does not: attempts of a reply that nobody knows the outcome of, because
 * the answer was missing or whoever waited for it is gone. Only the head of a claim can have been sent.
 * The age of a reply counts from when it was stored, not from the event's.
 */
export function withUnknownAttempts(inbox: SharedInbox, clock: Clock): SharedInbox {
  /** Attempts known to have shown nothing, by the epoch of their claim. */
  const refused = new Set<string>()
  /** Of the newest claim of each reply. */
  const epochs = new Map<string, number>()
  const unknown = new Map<string, number>()
  const storedAt = new Map<number, number>()

  const count = (reply: StoredReply, index: number): StoredReply => {
    const { eventId, part, fence } = reply
    const key = `${eventId} ${part}`
    const isUnknown = index === 0 && !refused.has(`${key} ${epochs.get(key)}`)
    epochs.set(key, fence.epoch)
    const unknownAttempts = (unknown.get(key) ?? 0) + (isUnknown ? 1 : 0)
    unknown.set(key, unknownAttempts)
    return { ...reply, unknownAttempts, ageMs: clock.now() - (storedAt.get(eventId) ?? clock.now()) }
  }

  return {
    accept: (events, claim) => inbox.accept(events, claim),
    async finish(finished) {
      const held = await inbox.finish(finished)
      for (const [index, { id, fence, result }] of finished.entries()) {
        if (held[index] !== true || result.kind !== 'completed') continue
        storedAt.set(id, clock.now())
        for (const part of result.replies.keys()) epochs.set(`${id} ${part}`, fence.epoch)
      }
      return held
    },
    async claim(claim) {
      const { items, nextDueMs } = await inbox.claim(claim)
      const counted = items.map((item) =>
        item.kind === 'replies' ? { ...item, replies: item.replies.map(count) } : item,
      )
      return { items: counted, nextDueMs }
    },
    async settle(settled) {
      const held = await inbox.settle(settled)
      for (const [index, { eventId, part, fence, result }] of settled.entries()) {
        const isRefused = result.kind === 'retry' && result.isRefused
        if (held[index] === true && isRefused) refused.add(`${eventId} ${part} ${fence.epoch}`)
      }
      return held
    },
  }
}
