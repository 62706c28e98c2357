import type { Delivery } from '../../protocol/model/message.ts'
import type { Claimed, ClaimedEvent, ClaimResult, StoredReply } from '../store.ts'

/** Row of a claimed event in the result of a claim statement. */
export interface EventRow {
  bot_id: string
  lane: string
  id: number
  epoch: number
  attempt: number
  deaths: number
  was_claimed: boolean
  type: string
  dedupe_key: string
  payload: string
  ms: number
  stale_ms: number
  /** Milliseconds since the event arrived. */
  arrived_ms: number | null
  has_more?: boolean
}

interface ReplyRow {
  kind: 'reply'
  bot_id: string
  lane: string
  id: number
  epoch: number
  attempt: number
  part: number
  message_id: string | null
  receiver_type: 'chat_id' | 'open_id'
  receiver_id: string
  uuid: string
  msg_type: string
  content: string
  delivery: Delivery | null
  /** Milliseconds since the reply was stored. */
  ms: number
  /** Milliseconds since its event arrived. */
  arrived_ms: number | null
  unknown_attempts: number
}

interface DueRow {
  kind: 'due'
  ms: number | null
}

/**
 * One row of the `CLAIM` statement: a claimed event, one reply of a claimed lane, or the time until more work is due.
 */
export type ClaimedRow = (EventRow & { kind: 'event' }) | ReplyRow | DueRow

export function toClaimResult(rows: readonly ClaimedRow[], owner: string): ClaimResult {
  const items: Claimed[] = []
  const repliesByLane = new Map<string, StoredReply[]>()
  let nextDueMs: number | null = null
  for (const row of rows) {
    switch (row.kind) {
      case 'event':
        items.push(toClaimedEvent(row, owner))
        break
      case 'reply': {
        const laneKey = JSON.stringify([row.bot_id, row.lane])
        const replies = repliesByLane.get(laneKey)
        if (replies === undefined) {
          const first = [toReply(row, owner)]
          repliesByLane.set(laneKey, first)
          items.push({ kind: 'replies', botId: row.bot_id, lane: row.lane, replies: first })
        } else {
          replies.push(toReply(row, owner))
        }
        break
      }
      case 'due':
        nextDueMs = row.ms === null ? null : Math.max(0, Math.ceil(row.ms))
        break
    }
  }
  return { items, nextDueMs }
}

export function toClaimedEvent(row: EventRow, owner: string): ClaimedEvent {
  return {
    kind: 'event',
    id: row.id,
    botId: row.bot_id,
    lane: row.lane,
    type: row.type,
    dedupeKey: row.dedupe_key,
    payload: row.payload,
    fence: { owner, epoch: row.epoch },
    attempt: row.attempt,
    deaths: row.deaths,
    wasClaimed: row.was_claimed,
    ageMs: Math.max(0, row.ms),
    staleMs: Math.max(0, row.stale_ms),
    ...sinceArrival(row),
    ...(row.has_more === undefined ? {} : { hasMore: row.has_more }),
  }
}

function toReply(row: ReplyRow, owner: string): StoredReply {
  return {
    eventId: row.id,
    part: row.part,
    fence: { owner, epoch: row.epoch },
    messageId: row.message_id,
    uuid: row.uuid,
    msgType: row.msg_type,
    content: row.content,
    ...(row.delivery === null ? {} : { delivery: row.delivery }),
    attempt: row.attempt,
    receiver: { type: row.receiver_type, id: row.receiver_id },
    unknownAttempts: row.unknown_attempts,
    ageMs: Math.max(0, row.ms),
    ...sinceArrival(row),
  }
}

function sinceArrival({ arrived_ms: ms }: Pick<EventRow, 'arrived_ms'>): { readonly sinceArrivalMs?: number } {
  return ms === null ? {} : { sinceArrivalMs: Math.max(0, ms) }
}
