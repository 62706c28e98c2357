import { storable, storableKey } from '../database/storable.ts'
import type { ArrivalOrder, ClaimedEvent, NewEvent } from '../store.ts'

/** A stored event, by what makes it the same. */
export interface StoredRow {
  id: number
  bot_id: string
  dedupe_key: string
}

/** One event as the accept statement answers it. */
export interface AcceptedRow extends StoredRow {
  /** Null, as the next one: it was not claimed. */
  claimed_epoch: number | null
  claimed_stale_ms: number | null
}

/** Equal for events that are the same to the database. */
export function keyOf({ botId, event }: NewEvent): string {
  return rowKey({ bot_id: storableKey(botId), dedupe_key: storableKey(event.dedupeKey) })
}

export function rowKey({ bot_id, dedupe_key }: Omit<StoredRow, 'id'>): string {
  return `${bot_id}\0${dedupe_key}`
}

/** Whether each event may be claimed as it is stored: the first of every lane if it can run now, the bots in turn. */
export function mayClaim(
  events: readonly NewEvent[],
  { limit, perBot = Infinity, perBotLimits = {}, isBusy = () => false }: ArrivalOrder,
): boolean[] {
  const room = new Map(Object.entries(perBotLimits))
  const lanes = new Set<string>()
  const turns = new Map<string, number>()
  const heads: { readonly index: number; readonly turn: number }[] = []
  for (const [index, { botId, event, delayMs = 0, dead }] of events.entries()) {
    const lane = `${botId}\0${storableKey(event.lane)}`
    const isBehind = lanes.has(lane)
    lanes.add(lane)
    if (isBehind || delayMs > 0 || dead !== undefined || isBusy(botId, event.lane)) continue
    const turn = (turns.get(botId) ?? 0) + 1
    turns.set(botId, turn)
    if (turn <= (room.get(botId) ?? perBot)) heads.push({ index, turn })
  }
  const inTurn = heads.toSorted((a, b) => a.turn - b.turn || a.index - b.index)
  const taken = new Set(inTurn.slice(0, limit).map(({ index }) => index))
  return events.map((_event, index) => taken.has(index))
}

/** A claimed event as it would be read from its row; `events` were stored together. */
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
    ageMs: 0,
    staleMs: Math.max(0, staleMs),
    sinceArrivalMs: event.receivedAt === undefined ? 0 : Math.max(0, Date.now() - event.receivedAt),
    hasMore,
  }
}
