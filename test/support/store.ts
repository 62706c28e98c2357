import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createStore } from '../../src/store/open/create-store.ts'
import { openPgliteDatabase } from '../../src/store/open/open-pglite.ts'
import { openPostgres } from '../../src/store/open/open-postgres.ts'
import { SecretBox } from '../../src/store/bots/secrets.ts'
import { Secret } from '../../src/core/log/secret.ts'
import { Database } from '../../src/store/database/database.ts'
import type { Accepted, Claimed, ClaimedEvent, ClaimedReplies, Fence, NewReply, Store } from '../../src/store/store.ts'
import { copyEmptyDatabase } from './empty-database.ts'
import type { FeishuEvent } from '../../src/protocol/model/message.ts'

export const migrationsDir = resolve('drizzle')
export const workerPath = resolve(process.env['TEST_PGLITE_WORKER'] ?? 'dist/workers/pglite.cjs')
export const newMasterKey = () => new Secret(randomBytes(32).toString('base64'))

/** A store and, beside it, the database below it for what the interface does not show. */
export interface StoreUnderTest {
  readonly store: Store
  readonly database: Database
  close(): Promise<void>
}

export async function temporaryFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'feishu-store-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

/** On an embedded database of its own. */
export async function openPgliteStore(): Promise<StoreUnderTest> {
  const folder = await temporaryFolder()
  await copyEmptyDatabase(folder.path)
  const { database, thread } = await openPgliteDatabase({ dataDir: folder.path, workerPath, migrationsDir })
  const store = createStore('pglite', database, new SecretBox(newMasterKey()), () => thread.close())
  return {
    store,
    database,
    async close() {
      await store.close()
      await folder.remove()
    },
  }
}

/** On the database of this URL. */
export async function openPostgresStore(url: string, masterKey = newMasterKey()): Promise<StoreUnderTest> {
  const store = await openPostgres({ url, migrationsDir, masterKey })
  const database = new Database({ connectionString: url, max: 2 })
  return {
    store,
    database,
    async close() {
      await store.close()
      await database.close()
    },
  }
}

let counter = 0

export function event(fields: Partial<FeishuEvent> = {}): FeishuEvent {
  const key = `m:om_${++counter}`
  return {
    dedupeKey: key,
    eventId: `ev_${counter}`,
    type: 'im.message.receive_v1',
    lane: 'oc_1',
    createdAt: 1_700_000_000_000,
    payload: JSON.stringify({ key }),
    ...fields,
  }
}

export function reply(fields: Partial<NewReply> = {}): NewReply {
  return {
    messageId: 'om_asked',
    receiver: { type: 'chat_id', id: 'oc_1' },
    uuid: `u_${++counter}`,
    msgType: 'text',
    content: '{"text":"hi"}',
    ...fields,
  }
}

/** A database with helpers for the tests' sentences. */
export class StoreDriver {
  readonly store: Store
  readonly database: Database

  constructor({ store, database }: Pick<StoreUnderTest, 'store' | 'database'>) {
    this.store = store
    this.database = database
  }

  rows<Row extends Record<string, unknown>>(text: string, values: unknown[] = []): Promise<Row[]> {
    return this.database.query<Row>({ name: '', text }, values, 'testing')
  }

  async clear(): Promise<void> {
    await this.rows(
      `with k as (delete from feishu_key_check), a as (delete from feishu_bots), b as (delete from feishu_instances), c as (delete from feishu_lanes),
         d as (delete from feishu_inbox), e as (delete from feishu_uploads), f as (delete from feishu_streams) delete from feishu_outbox`,
    )
  }

  accept(...events: (Partial<FeishuEvent> & { botId?: string })[]): Promise<Accepted[]> {
    return this.store.inbox.accept(events.map(({ botId = 'bot_a', ...fields }) => ({ botId, event: event(fields) })))
  }

  async claim(owner = 'me', limit = 10, perBotLimits: Record<string, number> = {}): Promise<readonly Claimed[]> {
    return (await this.store.inbox.claim({ owner, limit, perBotLimits })).items
  }

  async nextDueMs(limit = 0): Promise<number | null> {
    return (await this.store.inbox.claim({ owner: 'nobody', limit })).nextDueMs
  }

  async claimEvent(owner = 'me'): Promise<ClaimedEvent> {
    const [item] = await this.claim(owner, 1)
    if (item?.kind !== 'event') throw new Error(`claimed ${item?.kind ?? 'nothing'} instead of an event`)
    return item
  }

  async claimEvents(owner = 'me'): Promise<readonly ClaimedEvent[]> {
    return (await this.claim(owner)).map((item) => {
      if (item.kind !== 'event') throw new Error('claimed replies instead of an event')
      return item
    })
  }

  async claimReplies(owner = 'me'): Promise<ClaimedReplies> {
    const [item] = await this.claim(owner, 1)
    if (item?.kind !== 'replies') throw new Error(`claimed ${item?.kind ?? 'nothing'} instead of replies`)
    return item
  }

  async complete({ id, fence }: Pick<ClaimedEvent, 'id' | 'fence'>, replies: NewReply[] = []): Promise<boolean> {
    const result = { kind: 'completed', replies } as const
    const [held] = await this.store.inbox.finish([{ id, fence, result }])
    return held === true
  }

  async retry({ id, fence }: Pick<ClaimedEvent, 'id' | 'fence'>, afterMs: number): Promise<boolean> {
    const error = { code: 'HANDLER_FAILED', message: 'boom', retryable: true } as const
    const result = { kind: 'retry', afterMs, error } as const
    const [held] = await this.store.inbox.finish([{ id, fence, result }])
    return held === true
  }

  async sent(eventId: number, part: number, fence: Fence): Promise<boolean> {
    const result = { kind: 'sent', messageId: `om_reply_${eventId}_${part}` } as const
    const [held] = await this.store.inbox.settle([{ eventId, part, fence, result }])
    return held === true
  }

  async retryReply(eventId: number, part: number, fence: Fence, afterMs: number): Promise<boolean> {
    const error = { code: 'REPLY_FAILED', message: 'busy', retryable: true } as const
    const [held] = await this.store.inbox.settle([
      { eventId, part, fence, result: { kind: 'retry', afterMs, error, isRefused: true } },
    ])
    return held === true
  }

  /** Lets every wait of the inbox be over, without waiting. */
  async passTime(): Promise<void> {
    await this.rows("update feishu_inbox set available_at = now() where state = 'available'")
    await this.rows('update feishu_lanes set ready_at = now() where ready_at is not null')
  }

  /** Lets `ms` pass for everything stored, without waiting. */
  async age(ms: number): Promise<void> {
    const columns = {
      feishu_inbox: ['created_at', 'received_at', 'available_at', 'finished_at', 'resubmitted_at', 'arrived_at'],
      feishu_outbox: ['created_at', 'sent_at', 'died_at'],
      feishu_lanes: ['ready_at'],
    }
    for (const [table, names] of Object.entries(columns)) {
      const changes = names.map((name) => `${name} = ${name} - $1::float8 * interval '1 ms'`)
      await this.rows(`update ${table} set ${changes.join(', ')}`, [ms])
    }
  }

  /** Everything the inbox holds, to show that a statement changed nothing. */
  async everything(): Promise<string> {
    const inbox = await this.rows('select * from feishu_inbox order by id')
    const outbox = await this.rows('select * from feishu_outbox order by inbox_id, part')
    const lanes = await this.rows('select * from feishu_lanes order by bot_id, lane')
    return JSON.stringify({ inbox, outbox, lanes })
  }
}
