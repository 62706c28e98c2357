import { storable, storableKey } from './storable.ts'
import type { Accepted, NewEvent } from './store.ts'

/** One event as the accept statement answers it. */
export interface AcceptedRow {
  /** Null: somebody else stored it at the same time. */
  id: number | null
  duplicate: boolean
  /** Null: it was not claimed. */
  claimed_stale_ms: number | null
}

/** The answer for one of the events that were stored together; a claimed one is as it would be read from its row. */
export function accepted(row: AcceptedRow, index: number, events: readonly NewEvent[]): Accepted {
  const { id, duplicate, claimed_stale_ms: staleMs } = row as AcceptedRow & { id: number }
  const stored = events[index]
  if (staleMs === null || stored === undefined) return { id, duplicate }
  const { botId, event } = stored
  const hasMore = events.some((other) => other !== stored && other.botId === botId && other.event.lane === event.lane)
  return {
    id,
    duplicate,
    claimed: {
      kind: 'event',
      id,
      botId: storableKey(botId),
      lane: storableKey(event.lane),
      type: storable(event.type),
      dedupeKey: storableKey(event.dedupeKey),
      payload: storable(event.payload),
      attempt: 1,
      ageMs: 0,
      staleMs: Math.max(0, staleMs),
      sinceArrivalMs: event.receivedAt === undefined ? 0 : Math.max(0, Date.now() - event.receivedAt),
      hasMore,
    },
  }
}
