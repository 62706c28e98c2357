import { randomUUID } from 'node:crypto'
import type { FeishuEvent } from '../../protocol/model/message.ts'
import { ACCEPT, FIND, RECALL } from './accept-statements.ts'
import { type AcceptedRow, claimedArrival, keyOf, mayClaim, rowKey, type StoredRow } from './accepted-rows.ts'
import type { Queries } from '../database/database.ts'
import { ago, storable, storableError, storableInstant, storableKey } from '../database/storable.ts'
import type { Accepted, ArrivalOrder, NewEvent } from '../store.ts'

/** Stores events together, in their order. Claims the events that `claim` allows, under the claim token `token`. */
export async function storeArrivals(
  database: Queries,
  events: readonly NewEvent[],
  claim: ArrivalOrder | undefined,
  token: string,
): Promise<Accepted[]> {
  if (events.length === 0) return []
  // Recalls run first, so that a stored recall has been carried out. A second run does no harm.
  await recall(database, events)
  const values = [
    ...columns(events.map(({ botId, event }) => ({ ...event, botId }))),
    events.map(({ delayMs = 0 }) => delayMs),
    events.map(({ dead }) => (dead === undefined ? null : storable(dead.reason))),
    events.map(({ dead }) => (dead === undefined ? null : storableError(dead.error))),
    events.map(({ event }) => ago(event.receivedAt)),
    claim === undefined ? events.map(() => false) : mayClaim(events, claim),
    claim?.owner ?? null,
    token,
  ]
  const rows = await database.query<AcceptedRow>(ACCEPT, values, 'storing events')
  const stored = new Map(rows.map((row) => [rowKey(row), row]))
  const keys = events.map(keyOf)
  const known = await knownOf(
    database,
    events.filter((_event, index) => !stored.has(keys[index] ?? '')),
  )
  const fresh = new Set(stored.keys())
  return events.map((event, index): Accepted => {
    const key = keys[index] ?? ''
    const row = stored.get(key)
    if (row === undefined) return known.get(key) as Accepted
    const { id } = row
    // If the same event was given twice, only the first was stored.
    if (!fresh.delete(key)) return { id, duplicate: true }
    const claimed = claim === undefined ? undefined : claimedArrival(row, claim.owner, event, events)
    return { id, duplicate: false, ...(claimed === undefined ? {} : { claimed }) }
  })
}

/**
 * Finds events that were not inserted because they were stored before. Events that are deleted by now are stored after
 * all.
 */
async function knownOf(database: Queries, events: readonly NewEvent[]): Promise<ReadonlyMap<string, Accepted>> {
  if (events.length === 0) return new Map()
  const keys = [events.map(({ botId }) => storableKey(botId)), events.map(({ event }) => storableKey(event.dedupeKey))]
  const rows = await database.query<StoredRow>(FIND, keys, 'finding stored events')
  const known = new Map(rows.map((row): [string, Accepted] => [rowKey(row), { id: row.id, duplicate: true }]))
  const gone = events.filter((event) => !known.has(keyOf(event)))
  const stored = await storeArrivals(database, gone, undefined, randomUUID())
  for (const [index, event] of gone.entries()) known.set(keyOf(event), stored[index] as Accepted)
  return known
}

async function recall(database: Queries, events: readonly NewEvent[]): Promise<void> {
  const recalled = events.flatMap(({ botId, event, recalls }) =>
    recalls === undefined ? [] : [{ ...event, botId, dedupeKey: recalls }],
  )
  if (recalled.length > 0) await database.query(RECALL, columns(recalled), 'recalling events')
}

/** Makes one array per column of the parameters $1..$7 of `ACCEPT` and `RECALL`. */
function columns(events: readonly (FeishuEvent & { readonly botId: string })[]): unknown[] {
  return [
    events.map(({ botId }) => storableKey(botId)),
    events.map(({ lane }) => storableKey(lane)),
    events.map(({ dedupeKey }) => storableKey(dedupeKey)),
    events.map(({ eventId }) => storable(eventId)),
    events.map(({ type }) => storable(type)),
    events.map(({ payload }) => storable(payload)),
    events.map(({ createdAt }) => storableInstant(createdAt)),
  ]
}
