import { Client, EventDispatcher, WSClient } from '@larksuiteoapi/node-sdk'
import { Pool } from 'pg'
import { readBoot, serveOrders } from '../process/serve-orders.ts'
import { commonOrders, singleThread, type SubjectBoot, type SubjectOrders } from '../process/subject-orders.ts'
import { answer, quiet, type Received } from './sdk.ts'

// Baseline C: as A, but a message is inserted into PostgreSQL before it is acknowledged. It is not recovered,
// not ordered and not marked as answered.

const { url, apps, databaseUrl } = readBoot() as SubjectBoot
const pool = new Pool({ connectionString: databaseUrl })
await pool.query('create table if not exists messages (message_id text primary key, content text not null)')

for (const app of apps) {
  const client = new Client({ ...app, domain: url, ...quiet })
  const eventDispatcher = new EventDispatcher(quiet).register({
    'im.message.receive_v1': async ({ message }: Received) => {
      const { rowCount } = await pool.query('insert into messages values ($1, $2) on conflict do nothing', [
        message.message_id,
        message.content,
      ])
      if (rowCount === 1) void answer(client, message)
    },
  })
  void new WSClient({ ...app, domain: url, ...quiet }).start({ eventDispatcher })
}

serveOrders<SubjectOrders>({ ...commonOrders(), ...singleThread, stop: () => pool.end() })
