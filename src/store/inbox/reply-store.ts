import type { UploadRef } from '../../protocol/model/message.ts'
import type { Queries, Statement } from '../database/database.ts'
import type { ReplyStore, StreamProgress } from '../store.ts'

/** Bytes of one row: few enough that no statement holds up others for long, in PGlite's memory least of all. */
const CHUNK_BYTES = 1024 * 1024

const PUT: Statement = {
  name: 'feishu_put_upload',
  text: 'insert into feishu_uploads (inbox_id, id, chunk, bytes) values ($1, $2, $3, $4) on conflict do nothing',
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
)`,
}

const COLUMNS = `stream, fallback, card_id, message_id, sequence, extract(epoch from now() - sending_at)::float8 * 1000 as ms`

/**
 * $1 event id, $2 stream, $3 fallback, $4 card id, $5 message id, $6 sending, $7 changes. What is known stays and numbers
 * only grow, so it does not matter who else writes, or how often.
 */
const STREAM: Statement = {
  name: 'feishu_stream',
  text: `
insert into feishu_streams as s (inbox_id, stream, fallback, card_id, message_id, sending_at, sequence)
values ($1::bigint, $2::int, $3::int, $4, $5, case when $6::boolean then now() end, $7::int)
on conflict (inbox_id, stream) do update set
  fallback = greatest(s.fallback, excluded.fallback),
  card_id = coalesce(s.card_id, excluded.card_id),
  message_id = coalesce(s.message_id, excluded.message_id),
  sending_at = coalesce(s.sending_at, excluded.sending_at),
  sequence = s.sequence + excluded.sequence
returning ${COLUMNS}`,
}

const STREAMS: Statement = {
  name: 'feishu_streams',
  text: `select ${COLUMNS} from feishu_streams where inbox_id = $1::bigint order by stream`,
}

export function createReplyStore(database: Queries): ReplyStore {
  return {
    async putUpload(eventId, { id, size }, bytes) {
      for (let chunk = 0; chunk * CHUNK_BYTES < size; chunk++) {
        const part = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).subarray(
          chunk * CHUNK_BYTES,
          (chunk + 1) * CHUNK_BYTES,
        )
        await database.query(PUT, [eventId, id, chunk, part], 'storing an upload')
      }
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

    async stream(eventId, stream, learned = {}) {
      const { fallback = 0, cardId = null, messageId = null, isSending = false, changes = 0 } = learned
      const values = [eventId, stream, fallback, cardId, messageId, isSending, changes]
      const [row] = await database.query<StreamRow>(STREAM, values, 'writing down a streamed answer')
      if (row === undefined) throw new TypeError('the statement answers one row')
      return toProgress(row)
    },

    async streams(eventId) {
      return (await database.query<StreamRow>(STREAMS, [eventId], 'reading streamed answers')).map(toProgress)
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
