import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SecretBox } from '../../src/store/bots/secrets.ts'
import { Database } from '../../src/store/database/database.ts'
import { createStore } from '../../src/store/open/create-store.ts'
import { migrate } from '../../src/store/open/migrate.ts'
import { openPgliteDatabase } from '../../src/store/open/open-pglite.ts'
import { openPostgres } from '../../src/store/open/open-postgres.ts'
import type { Claimed } from '../../src/store/store.ts'
import { copyEmptyDatabase } from '../support/empty-database.ts'
import { providePostgres, type TestPostgres } from '../support/postgres.ts'
import {
  migrationsDir,
  newMasterKey,
  StoreDriver,
  type StoreUnderTest,
  temporaryFolder,
  workerPath,
} from '../support/store.ts'

/** Migrations of 0.1. */
const RELEASED = 9

/** Three times an embedded database, one after the other. */
const OPENING_MS = 180_000

const folder = await temporaryFolder()
const releasedDir = join(folder.path, 'drizzle')
afterAll(() => folder.remove())

await cp(migrationsDir, releasedDir, { recursive: true })
const journalPath = join(releasedDir, 'meta/_journal.json')
const journal = JSON.parse(await readFile(journalPath, 'utf8')) as { entries: unknown[] }
await writeFile(journalPath, JSON.stringify({ ...journal, entries: journal.entries.slice(0, RELEASED) }))

/** What 0.1 left behind when it was killed: one lane for each state that a lane, an event or a reply can be in. */
const ROWS = `
with gone as (
  insert into feishu_instances (id, expires_at) values ('old', now() - interval '1 second')
), events as (
  insert into feishu_inbox (id, bot_id, lane, dedupe_key, event_id, type, payload, created_at, state, attempt, owner, finished_at, reason)
  values
    (1, 'b', 'idle', 'm:1', 'e1', 't', '{}', now(), 'completed', 1, 'old', now(), null),
    (2, 'b', 'waiting', 'm:2', 'e2', 't', '{}', now(), 'available', 0, null, null, null),
    (3, 'b', 'running', 'm:3', 'e3', 't', '{}', now(), 'executing', 2, 'old', null, null),
    (4, 'b', 'running', 'm:4', 'e4', 't', '{}', now(), 'available', 0, null, null, null),
    (5, 'b', 'delivering', 'm:5', 'e5', 't', '{}', now(), 'completed', 1, 'old', now(), null),
    (6, 'b', 'put off', 'm:6', 'e6', 't', '{}', now(), 'completed', 1, 'old', now(), null),
    (7, 'b', 'dead', 'm:7', 'e7', 't', '{}', now(), 'dead', 5, 'old', now(), 'attempts_exhausted'),
    (8, 'b', 'dead reply', 'm:8', 'e8', 't', '{}', now(), 'completed', 1, 'old', now(), null)
), replies as (
  insert into feishu_outbox (inbox_id, part, bot_id, lane, message_id, uuid, msg_type, content, state, attempt, reason)
  values
    (1, 0, 'b', 'idle', 'om', 'u10', 'text', '{}', 'sent', 1, null),
    (5, 0, 'b', 'delivering', 'om', 'u50', 'text', '{}', 'sent', 1, null),
    (5, 1, 'b', 'delivering', 'om', 'u51', 'text', '{}', 'pending', 1, null),
    (5, 2, 'b', 'delivering', 'om', 'u52', 'text', '{}', 'pending', 1, null),
    (6, 0, 'b', 'put off', 'om', 'u60', 'text', '{}', 'pending', 3, null),
    (8, 0, 'b', 'dead reply', 'om', 'u80', 'text', '{}', 'dead', 4, 'refused')
)
insert into feishu_lanes (bot_id, lane, pending, unsent, ready_at, owner, claim_token)
values
  ('b', 'idle', 0, 0, null, null, null),
  ('b', 'waiting', 1, 0, now(), null, null),
  ('b', 'running', 2, 0, now(), 'old', gen_random_uuid()),
  ('b', 'delivering', 1, 2, now(), 'old', gen_random_uuid()),
  ('b', 'put off', 1, 1, now(), null, gen_random_uuid()),
  ('b', 'dead', 0, 0, null, null, null),
  ('b', 'dead reply', 0, 0, null, null, null)`

/** `open` makes a database of 0.1, hands it to `fill`, and opens it with what is new. */
function describeUpgrade(
  name: string,
  open: (fill: (database: Database) => Promise<unknown>) => Promise<StoreUnderTest>,
): void {
  describe(`a database of 0.1 on ${name}`, () => {
    let opened: StoreUnderTest
    let db: StoreDriver
    beforeAll(async () => {
      opened = await open(async (database) => {
        await run(database, ROWS)
        await run(database, "select setval('feishu_inbox_id_seq', 100)")
      })
      db = new StoreDriver(opened)
    }, OPENING_MS)
    afterAll(() => opened?.close())

    it('comes to its end: what it left is rescued, claimed with epochs and fenced by them', async () => {
      const { inbox, instances } = db.store
      expect(await db.rows('select distinct epoch from feishu_lanes')).toEqual([{ epoch: 0 }])
      // What was claimed waits for the lease, as ever.
      expect((await db.claim('early')).map(({ lane }) => lane).toSorted()).toEqual(['put off', 'waiting'])
      await instances.release('early')
      await instances.renew('me', 60_000)
      expect(await instances.rescue('me', false)).toEqual({ rescued: 2 })
      expect(await db.rows('select id, deaths from feishu_inbox where deaths > 0')).toEqual([{ id: 3, deaths: 1 }])
      // What its claims would have.
      const old = { owner: 'old', epoch: 0 }
      expect(await db.complete({ id: 3, fence: old })).toBe(false)
      expect(await db.sent(5, 1, old)).toBe(false)
      expect(await inbox.resubmit({ eventId: 7 })).toBe(true)
      expect(await inbox.resubmit({ eventId: 8, part: 0 })).toBe(true)

      const done: string[] = []
      const epochs: number[] = []
      const held: boolean[] = []
      for (let items = await db.claim(); items.length > 0; items = await db.claim()) {
        for (const item of items) {
          epochs.push(epochOf(item))
          done.push(...namesOf(item))
          held.push(...(await end(item)))
        }
      }
      expect(held).not.toContain(false)
      expect(done.toSorted()).toEqual([
        '2 attempt 1',
        // Its attempt is given back: the process died.
        '3 attempt 2',
        '4 attempt 1',
        '5.1',
        '5.2',
        '6.0',
        '7 attempt 1',
        '8.0',
      ])
      expect(new Set(epochs).size).toBe(epochs.length)
      expect(Math.min(...epochs)).toBeGreaterThan(0)
      expect(await inbox.summary()).toEqual({ depth: 0, oldestAgeMs: 0, dead: 0 })
      const busy = 'pending <> 0 or unsent <> 0 or resubmitted <> 0 or owner is not null or ready_at is not null'
      expect(await db.rows(`select * from feishu_lanes where ${busy}`)).toEqual([])
      expect(await inbox.prune({ olderThanMs: 0, limit: 10 })).toBe(8)
    })

    async function end(item: Claimed): Promise<boolean[]> {
      if (item.kind === 'event') return [await db.complete(item)]
      const held: boolean[] = []
      for (const { eventId, part, fence } of item.replies) held.push(await db.sent(eventId, part, fence))
      return held
    }
  })
}

function epochOf(item: Claimed): number {
  return item.kind === 'event' ? item.fence.epoch : (item.replies[0]?.fence.epoch ?? 0)
}

function namesOf(item: Claimed): string[] {
  if (item.kind === 'event') return [`${item.id} attempt ${item.attempt}`]
  return item.replies.map(({ eventId, part }) => `${eventId}.${part}`)
}

const run = (database: Database, text: string) => database.query({ name: '', text }, [], 'testing')

describeUpgrade('PGlite', async (fill) => {
  const dataDir = join(folder.path, 'data')
  const open = (migrations: string) => openPgliteDatabase({ dataDir, workerPath, migrationsDir: migrations })
  async function withDatabase(migrations: string, work: (database: Database) => Promise<unknown>): Promise<void> {
    const { database, thread } = await open(migrations)
    await work(database)
    await database.close()
    await thread.close()
  }
  // A database folder made from nothing takes longer.
  await copyEmptyDatabase(dataDir)
  await withDatabase(migrationsDir, (database) => run(database, 'drop schema public cascade; create schema public'))
  await withDatabase(releasedDir, fill)
  const { database, thread } = await open(migrationsDir)
  const store = createStore('pglite', database, new SecretBox(newMasterKey()), () => thread.close())
  return { store, database, close: () => store.close() }
})

const provided = await providePostgres()

describe.skipIf('skip' in provided)('with a server', () => {
  const postgres = provided as TestPostgres
  afterAll(() => postgres.drop?.())

  describeUpgrade('PostgreSQL, in a schema of its own', async (fill) => {
    const url = `${postgres.url}?options=-csearch_path%3Dours`
    const admin = new Database({ connectionString: postgres.url, max: 1 })
    await run(admin, 'create schema ours')
    await admin.close()
    const database = new Database({ connectionString: url, max: 2 })
    await migrate({ connectionString: url }, releasedDir)
    await fill(database)
    const store = await openPostgres({ url, migrationsDir, masterKey: newMasterKey() })
    return {
      store,
      database,
      async close() {
        await store.close()
        await database.close()
      },
    }
  })
})
