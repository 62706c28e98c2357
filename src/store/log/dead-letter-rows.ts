import type { ErrorRecord } from '../../core/errors.ts'
import type { DeadLetter } from '../../protocol/model/message.ts'

export interface DeadLetterRow {
  readonly kind: 'event' | 'reply'
  readonly id: number
  readonly part: number | null
  readonly bot_id: string
  readonly lane: string
  readonly type: string
  readonly dedupe_key: string
  readonly payload: string
  readonly attempt: number
  readonly reason: string | null
  readonly error: ErrorRecord | null
  readonly log_id: string | null
  readonly ended_at: number
}

export function toDeadLetter(row: DeadLetterRow): DeadLetter {
  return {
    kind: row.kind,
    eventId: row.id,
    ...(row.part === null ? {} : { part: row.part }),
    botId: row.bot_id,
    lane: row.lane,
    type: row.type,
    dedupeKey: row.dedupe_key,
    payload: row.payload,
    attempt: row.attempt,
    reason: row.reason ?? '',
    ...(row.error === null ? {} : { error: row.error }),
    ...(row.log_id === null ? {} : { logId: row.log_id }),
    endedAt: row.ended_at,
  }
}
