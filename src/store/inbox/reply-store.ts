import type { UploadRef } from '../../protocol/model/message.ts'
import type { Queries, Statement } from '../database/database.ts'
import type { ClosingCard, ReplyStore, StreamProgress } from '../store.ts'

/** Most bytes of one row: few enough that a statement does not block others for long, above all in PGlite. */
const CHUNK_BYTES = 1024 * 1024

/**
 * $1 event id, $2 owner, $3 epoch. Selects one row while the claim has the lane of the event. The lock keeps the lane
 * with the claim.
 */
const HELD = `
held as materialized (
  select e.id from feishu_inbox e join feishu_lanes l on l.bot_id = e.bot_id and l.lane = e.lane
  where e.id = $1::bigint and l.owner = $2 and l.epoch = $3::bigint
  for update of l
)`

/** $4 id, $5 chunk, $6 bytes. Returns one row if the fence held. */
const PUT: Statement = {
  name: 'feishu_put_upload',
  text: `
with ${HELD}, kept as (
  insert into feishu_uploads (inbox_id, id, chunk, bytes) select id, $4, $5::int, $6::bytea from held on conflict do nothing
)
select id from held`,
}

const CHUNK: Statement = {
  name: 'feishu_upload',
  text: 'select bytes from feishu_uploads where inbox_id = $1 and id = $2 and chunk = $3',
}

const DROP: Statement = {
  name: 'feishu_drop_uploads',
  text: `
delete from feishu_uploads u where u.inbox_id = $1::bigint and not exists (
  select from feishu_outbox o where o.inbox_id = $1::bigint and o.state <> 'sent' and o.delivery->'upload'->>'id' = u.id
) and exists (select from feishu_inbox e where e.id = $1::bigint and e.state = 'completed')`,
}

/**
 * $4 stream, $5 fallback, $6 card id, $7 message id, $8 sending, $9 changes. Known values stay and numbers only grow,
 * so a repetition does no harm. Returns no row if the fence does not hold.
 */
const STREAM: Statement = {
  name: 'feishu_stream',
  text: `
with ${HELD}
insert into feishu_streams as s (inbox_id, stream, fallback, card_id, message_id, sending_at, sequence)
select id, $4::int, $5::int, $6, $7, case when $8::boolean then now() end, $9::int from held
on conflict (inbox_id, stream) do update set
  fallback = greatest(s.fallback, excluded.fallback),
  card_id = coalesce(s.card_id, excluded.card_id),
  message_id = coalesce(s.message_id, excluded.message_id),
  sending_at = coalesce(s.sending_at, excluded.sending_at),
  sequence = s.sequence + excluded.sequence
returning stream, fallback, card_id, message_id, sequence, extract(epoch from now() - sending_at)::float8 * 1000 as ms`,
}

/**
 * $4 streams to leave out. Another claim may have the lane by now, so the fence is checked on the event: the event
 * names the claim that ended it until an operator puts it back.
 */
const CLOSE_STREAMS: Statement = {
  name: 'feishu_close_streams',
  text: `
update feishu_streams s set sequence = s.sequence + 1
from feishu_inbox e
where e.id = $1::bigint and e.owner = $2 and e.epoch = $3::bigint and e.state in ('completed', 'dead')
  and s.inbox_id = e.id and s.card_id is not null and s.sending_at is not null and s.stream <> all($4::int[])
returning s.card_id, s.sequence`,
}

export function createReplyStore(database: Queries): ReplyStore {
  return {
    async putUpload(eventId, { owner, epoch }, { id, size }, bytes) {
      for (let chunk = 0; chunk * CHUNK_BYTES < size; chunk++) {
        const part = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).subarray(
          chunk * CHUNK_BYTES,
          (chunk + 1) * CHUNK_BYTES,
        )
        const held = await database.query(PUT, [eventId, owner, epoch, id, chunk, part], 'storing an upload')
        if (held.length === 0) return false
      }
      return true
    },

    async upload(eventId, { id, size }: UploadRef) {
      const chunks: Uint8Array[] = []
      for (let chunk = 0; chunk * CHUNK_BYTES < size; chunk++) {
        const [row] = await database.query<{ bytes: Uint8Array }>(CHUNK, [eventId, id, chunk], 'reading an upload')
        if (row === undefined) return null
        chunks.push(row.bytes)
      }
      return Buffer.concat(chunks)
    },

    async dropUploads(eventId) {
      await database.query(DROP, [eventId], 'deleting uploads')
    },

    async stream(eventId, { owner, epoch }, stream, learned = {}) {
      const { fallback = 0, cardId = null, messageId = null, isSending = false, changes = 0 } = learned
      const values = [eventId, owner, epoch, stream, fallback, cardId, messageId, isSending, changes]
      const [row] = await database.query<StreamRow>(STREAM, values, 'writing down a streamed answer')
      return row === undefined ? null : toProgress(row)
    },

    async closeStreams(eventId, { owner, epoch }, except) {
      const values = [eventId, owner, epoch, except]
      const rows = await database.query<ClosingRow>(CLOSE_STREAMS, values, 'closing streamed answers')
      return rows.map(({ card_id: cardId, sequence }): ClosingCard => ({ cardId, sequence }))
    },
  }
}

interface StreamRow {
  readonly stream: number
  readonly fallback: number
  readonly card_id: string | null
  readonly message_id: string | null
  readonly sequence: number
  readonly ms: number | null
}

interface ClosingRow {
  readonly card_id: string
  readonly sequence: number
}

function toProgress(row: StreamRow): StreamProgress {
  return {
    stream: row.stream,
    fallback: row.fallback,
    sequence: row.sequence,
    ...(row.card_id === null ? {} : { cardId: row.card_id }),
    ...(row.message_id === null ? {} : { messageId: row.message_id }),
    ...(row.ms === null ? {} : { sendingMs: Math.max(0, row.ms) }),
  }
}
