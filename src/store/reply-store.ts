import type { UploadRef } from '../protocol/message.ts'
import type { Queries, Statement } from './database.ts'
import type { ReplyStore } from './store.ts'

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
  }
}
