import type { ErrorRecord } from '../../core/errors.ts'
import type {
  MessageLog,
  MessageState,
  PastEvent,
  PastReply,
  MessageSummary,
  ReplySummary,
} from '../../protocol/model/message-log.ts'
import type { Queries, Statement } from '../database/database.ts'
import { DEAD, type DeadLetterRow, toDeadLetter } from './dead-letter-statements.ts'
import { storableKey } from '../database/storable.ts'

const ms = (column: string, as: string): string => `extract(epoch from ${column})::float8 * 1000 as ${as}`

const SUMMARY_COLUMNS = `id, bot_id, lane, type, event_id, state, attempt, deaths, reason, last_error, ${ms('created_at', 'created')},
  ${ms('arrived_at', 'arrived')}, ${ms('received_at', 'persisted')}, ${ms('acked_at', 'acked')}, ${ms('claimed_at', 'claimed')}, ${ms('finished_at', 'finished')}`

/** Bot ids in their stored form. Null: all bots. */
const keys = (botIds: readonly string[] | null): string[] | null => botIds?.map(storableKey) ?? null

/** $1 bot ids or null, $2 state or null. */
const SELECTED = 'from feishu_inbox where ($1::text[] is null or bot_id = any($1)) and ($2::text is null or state = $2)'

const MESSAGES: Statement = {
  name: 'feishu_messages',
  text: `select ${SUMMARY_COLUMNS} ${SELECTED} order by id desc limit $3::int offset $4::int`,
}

const MESSAGE_COUNT: Statement = { name: 'feishu_message_count', text: `select count(*)::int as total ${SELECTED}` }

const MESSAGE: Statement = {
  name: 'feishu_message',
  text: `select ${SUMMARY_COLUMNS}, payload from feishu_inbox where id = $1::bigint`,
}

const REPLIES: Statement = {
  name: 'feishu_message_replies',
  text: `
select part, msg_type, content, state, attempt, ${ms('sent_at', 'sent')}, sent_message_id, reason, last_error, log_id
from feishu_outbox where inbox_id = $1::bigint order by part`,
}

/**
 * $1 bot id, $2 chat id, $3 event id, $4 limit. The messages of a chat are the message events of its lane and their
 * sent replies.
 */
const HISTORY: Statement = {
  name: 'feishu_history',
  text: `
with events as materialized (
  select id, payload, created_at from feishu_inbox
  where bot_id = $1 and lane = $2 and id < $3::bigint and type = 'im.message.receive_v1' and reason is distinct from 'recalled'
  order by id desc limit $4::int
)
select id, -1 as part, payload, null as message_id, null as msg_type, null as content, ${ms('created_at', 'at')} from events
union all
select o.inbox_id, o.part, null, o.sent_message_id, o.msg_type, o.content, ${ms('o.sent_at', 'at')}
from feishu_outbox o join events e on o.inbox_id = e.id where o.state = 'sent'
order by id desc, part desc limit $4::int`,
}

const DEAD_PAGE: Statement = {
  name: 'feishu_dead_page',
  text: `with ${DEAD} select * from dead where $1::text[] is null or bot_id = any($1)
order by ended_at desc, id desc, part limit $2::int offset $3::int`,
}

const DEAD_COUNT: Statement = {
  name: 'feishu_dead_count',
  text: `with ${DEAD} select count(*)::int as total from dead where $1::text[] is null or bot_id = any($1)`,
}

export function createMessageLog(database: Queries): MessageLog {
  return {
    async list({ botIds, state = null, limit, offset }) {
      const doing = 'listing messages'
      const rows = await database.query<MessageRow>(MESSAGES, [keys(botIds), state, limit, offset], doing)
      const [count] = await database.query<{ total: number }>(MESSAGE_COUNT, [keys(botIds), state], doing)
      return { items: rows.map(toSummary), total: count?.total ?? 0 }
    },

    async get(eventId) {
      const doing = 'reading a message'
      const [row] = await database.query<MessageRow & { payload: string }>(MESSAGE, [eventId], doing)
      if (row === undefined) return null
      const replies = await database.query<ReplyRow>(REPLIES, [eventId], doing)
      return { ...toSummary(row), payload: row.payload, replies: replies.map(toReply) }
    },

    async history({ botId, chatId, beforeId, limit }) {
      const rows = await database.query<PastRow>(HISTORY, [botId, chatId, beforeId, limit], 'reading a chat')
      return rows.map(toPast)
    },

    async deadLetters({ botIds, limit, offset }) {
      const doing = 'listing dead letters'
      const rows = await database.query<DeadLetterRow>(DEAD_PAGE, [keys(botIds), limit, offset], doing)
      const [count] = await database.query<{ total: number }>(DEAD_COUNT, [keys(botIds)], doing)
      return { items: rows.map(toDeadLetter), total: count?.total ?? 0 }
    },
  }
}

interface MessageRow {
  readonly id: number
  readonly bot_id: string
  readonly lane: string
  readonly type: string
  readonly event_id: string
  readonly state: MessageState
  readonly attempt: number
  readonly deaths: number
  readonly reason: string | null
  readonly last_error: ErrorRecord | null
  readonly created: number
  readonly arrived: number | null
  readonly persisted: number
  readonly acked: number | null
  readonly claimed: number | null
  readonly finished: number | null
}

interface PastRow {
  readonly payload: string | null
  readonly message_id: string | null
  readonly msg_type: string | null
  readonly content: string | null
  readonly at: number
}

interface ReplyRow {
  readonly part: number
  readonly msg_type: string
  readonly content: string
  readonly state: ReplySummary['state']
  readonly attempt: number
  readonly sent: number | null
  readonly sent_message_id: string | null
  readonly reason: string | null
  readonly last_error: ErrorRecord | null
  readonly log_id: string | null
}

function toSummary(row: MessageRow): MessageSummary {
  return {
    eventId: row.id,
    botId: row.bot_id,
    lane: row.lane,
    type: row.type,
    feishuEventId: row.event_id,
    state: row.state,
    attempt: row.attempt,
    deaths: row.deaths,
    createdAt: row.created,
    ...(row.arrived === null ? {} : { receivedAt: row.arrived }),
    persistedAt: row.persisted,
    ...(row.acked === null ? {} : { ackedAt: row.acked }),
    ...(row.claimed === null ? {} : { claimedAt: row.claimed }),
    ...(row.finished === null ? {} : { finishedAt: row.finished }),
    ...(row.reason === null ? {} : { reason: row.reason }),
    ...(row.last_error === null ? {} : { error: row.last_error }),
  }
}

function toPast({ payload, message_id, msg_type, content, at }: PastRow): PastEvent | PastReply {
  if (payload !== null) return { kind: 'event', payload, createdAt: at }
  return { kind: 'reply', messageId: message_id ?? '', msgType: msg_type ?? '', content: content ?? '', sentAt: at }
}

function toReply(row: ReplyRow): ReplySummary {
  return {
    part: row.part,
    msgType: row.msg_type,
    content: row.content,
    state: row.state,
    attempt: row.attempt,
    ...(row.sent === null ? {} : { sentAt: row.sent }),
    ...(row.sent_message_id === null ? {} : { messageId: row.sent_message_id }),
    ...(row.reason === null ? {} : { reason: row.reason }),
    ...(row.last_error === null ? {} : { error: row.last_error }),
    ...(row.log_id === null ? {} : { logId: row.log_id }),
  }
}
