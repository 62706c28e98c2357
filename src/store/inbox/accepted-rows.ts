import { storable, storableKey } from '../database/storable.ts'
import type { ArrivalOrder, ClaimedEvent, NewEvent } from '../store.ts'

/** A stored event with its id and its unique key. */
export interface StoredRow {
  id: number
  bot_id: string
  dedupe_key: string
}

/** One row of the result of the `ACCEPT` statement. */
export interface AcceptedRow extends StoredRow {
  /** Epoch of the claim. This and `claimed_stale_ms` are null if the event was not claimed. */
  claimed_epoch: number | null
  claimed_stale_ms: number | null
}

/** Makes a key that is equal for events that are the same to the database. */
export function keyOf({ botId, event }: NewEvent): string {
  return rowKey({ bot_id: storableKey(botId), dedupe_key: storableKey(event.dedupeKey) })
}

export function rowKey({ bot_id, dedupe_key }: Omit<StoredRow, 'id'>): string {
  return `${bot_id}\0${dedupe_key}`
}

/**
 * Decides for each event whether it may be claimed as it is stored: the first of each lane if it can run now, one of
 * each bot after the other.
 */
export function mayClaim(
  events: readonly NewEvent[],
  { limit, perBot = Infinity, perBotLimits = {}, isBusy = () => false }: ArrivalOrder,
): boolean[] {
  const room = new Map(Object.entries(perBotLimits))
  const lanes = new Set<string>()
  const headCounts = new Map<string, number>()
  const heads: { readonly index: number; readonly nth: number }[] = []
  for (const [index, { botId, event, delayMs = 0, dead }] of events.entries()) {
    const lane = `${botId}\0${storableKey(event.lane)}`
    const isBehind = lanes.has(lane)
    lanes.add(lane)
    if (isBehind || delayMs > 0 || dead !== undefined || isBusy(botId, event.lane)) continue
    const nth = (headCounts.get(botId) ?? 0) + 1
    headCounts.set(botId, nth)
    if (nth <= (room.get(botId) ?? perBot)) heads.push({ index, nth })
  }
  const sorted = heads.toSorted((a, b) => a.nth - b.nth || a.index - b.index)
  const taken = new Set(sorted.slice(0, limit).map(({ index }) => index))
  return events.map((_event, index) => taken.has(index))
}

/**
 * Makes a claimed event as it would be read from its row. Undefined if the event was not claimed. `events` were stored
 * together.
 */
export function claimedArrival(
  { id, claimed_epoch: epoch, claimed_stale_ms: staleMs }: AcceptedRow,
  owner: string,
  own: NewEvent,
  events: readonly NewEvent[],
): ClaimedEvent | undefined {
  if (epoch === null || staleMs === null) return undefined
  const { botId, event } = own
  const hasMore = events.some((other) => other !== own && other.botId === botId && other.event.lane === event.lane)
  return {
    kind: 'event',
    id,
    botId: storableKey(botId),
    lane: storableKey(event.lane),
    type: storable(event.type),
    dedupeKey: storableKey(event.dedupeKey),
    payload: storable(event.payload),
    fence: { owner, epoch },
    attempt: 1,
    deaths: 0,
    wasClaimed: false,
    ageMs: 0,
    staleMs: Math.max(0, staleMs),
    sinceArrivalMs: event.receivedAt === undefined ? 0 : Math.max(0, Date.now() - event.receivedAt),
    hasMore,
  }
}
