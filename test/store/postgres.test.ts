import { readdir } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { Client, type ClientConfig } from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { deferred } from '../../src/core/time/deferred.ts'
import { Database } from '../../src/store/database/database.ts'
import { migrate } from '../../src/store/open/migrate.ts'
import { openPostgres } from '../../src/store/open/open-postgres.ts'
import type { Store } from '../../src/store/store.ts'
import { provideOwnPostgres, type TestPostgres } from '../support/postgres.ts'
import { StoreDriver, migrationsDir, newMasterKey, openPostgresStore } from '../support/store.ts'
import { describeStore } from './store-contract.ts'
import { sql } from 'drizzle-orm'

const masterKey = newMasterKey()
/** Takes the rejection at once, so that it never counts as unhandled. */
const thrownBy = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
const UNAVAILABLE = { code: 'STORE_UNAVAILABLE', retryable: true }

describe('a database URL that can never work', () => {
  it.each([
    '',
    'localhost',
    'mysql://localhost/x',

    'postgres://localhost/x?sslmode=require&sslrootcert=/no/such',
  ])('is refused: %s', async (url) => {
    await expect(openPostgres({ url, migrationsDir, masterKey })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching('FS_DATABASE_URL'),
    })
  })

  it('is not repeated in the error', async () => {
    const failure: Error = await openPostgres({ url: 'postgres://u:canary@h:port/x', migrationsDir, masterKey }).then(
      () => new Error('opened'),
      (thrown: Error) => thrown,
    )
    expect(failure.message + String(failure.stack) + JSON.stringify(failure)).not.toContain('canary')
    expect(failure.cause).toBeUndefined()
  })
})

describe('a server that is not there', () => {
  it('is unavailable: refused, unknown, or silent', async () => {
    const silent = createServer().listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    const urls = [
      'postgres://u:p@127.0.0.1:1/x',
      'postgres://u:p@no-such-host.invalid/x',
      `postgres://u:p@127.0.0.1:${port}/x`,
    ]
    for (const url of urls) {
      const opening = openPostgres({ url, migrationsDir, masterKey, connectTimeoutMs: 300 })
      await expect(opening).rejects.toMatchObject(UNAVAILABLE)
    }
    silent.close()
  })
})

const provided = await provideOwnPostgres()

describe.skipIf('skip' in provided)('on a real server', () => {
  const postgres = provided as TestPostgres
  let admin: StoreDriver
  const undo: (() => Promise<unknown>)[] = []

  beforeAll(() => {
    const database = new Database({ connectionString: postgres.url, max: 2, application_name: 'admin' })
    admin = new StoreDriver({ database, store: undefined as never })
  })
  afterAll(async () => {
    await admin?.database.close()
    await postgres.drop?.()
  })

  async function open(options: { poolSize?: number; statementTimeoutMs?: number } = {}): Promise<Store> {
    const store = await openPostgres({ url: postgres.url, migrationsDir, masterKey, ...options })
    undo.push(() => store.close())
    return store
  }

  const terminate = (condition: string) =>
    admin.rows<{ pid: number }>(
      `select pg_terminate_backend(pid, 5000), pid from pg_stat_activity
       where application_name = 'feishu-supervisor' and datname = current_database() and ${condition}`,
    )

  afterEach(async () => {
    for (const step of undo.splice(0).toReversed()) await step()
  })

  it('migrates once when several start at the same time', async () => {
    const stores = await Promise.all([open(), open(), open()])
    await Promise.all(stores.map((store) => store.ping()))
    const files = (await readdir(migrationsDir)).filter((name) => name.endsWith('.sql'))
    expect(await admin.rows('select count(*) as n from feishu_migrations')).toEqual([{ n: files.length }])
  })

  it('lives beside tables of the same names in a schema of its own, and refuses to live among them', async () => {
    await admin.rows('create schema host_tables')
    await admin.rows('create table host_tables.feishu_bots (id int)')
    await admin.rows('create schema ours')
    undo.push(() => admin.rows('drop schema host_tables, ours cascade'))
    const urlOf = (schema: string) => `${postgres.url}?options=-csearch_path%3D${schema}`
    await expect(openPostgres({ url: urlOf('host_tables'), migrationsDir, masterKey })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('search_path'),
    })
    const store = await openPostgres({ url: urlOf('ours'), migrationsDir, masterKey })
    undo.push(() => store.close())
    expect(await store.bots.list()).toEqual([])
    expect(await admin.rows('select id from ours.feishu_bots')).toEqual([])
  })

  it('frees the lock of the migration when a migration fails', async () => {
    const config: ClientConfig = { connectionString: postgres.url, connectionTimeoutMillis: 5_000 }
    await expect(migrate(config, '/no/such/folder')).rejects.toMatchObject({ code: 'INTERNAL' })
    await migrate(config, migrationsDir)
    expect(await admin.rows("select count(*) as n from pg_locks where locktype = 'advisory'")).toEqual([{ n: 0 }])
  })

  describeStore('PostgreSQL', () => openPostgresStore(postgres.url, masterKey))

  describe('racing claimers', () => {
    beforeEach(() => admin.clear())

    it('keep every lane in order and never two of a lane in flight', { timeout: 60_000 }, async () => {
      const lanes = Array.from({ length: 10 }, (_none, index) => `oc_${index}`)
      const store = await open({ poolSize: 8 })
      const driver = new StoreDriver({ store, database: admin.database })
      const accepted = await driver.accept(
        ...Array.from({ length: 200 }, (_none, index) => ({ lane: lanes[index % 10] as string })),
      )
      const order = new Map<string, number[]>(lanes.map((lane) => [lane, []]))
      const inFlight = new Set<string>()
      let finished = 0
      const claimer = async (owner: string) => {
        while (finished < 200) {
          for (const item of await driver.claim(owner, 3)) {
            if (item.kind !== 'event') throw new Error('no replies were stored')
            expect(inFlight.has(item.lane)).toBe(false)
            inFlight.add(item.lane)
            order.get(item.lane)?.push(item.id)
            await new Promise(setImmediate)
            inFlight.delete(item.lane)
            expect(await driver.complete(item)).toBe(true)
            finished++
          }
        }
      }
      await Promise.all(Array.from({ length: 8 }, (_none, index) => claimer(`owner_${index}`)))
      for (const [index, lane] of lanes.entries()) {
        expect(order.get(lane)).toEqual(accepted.filter((_one, n) => n % 10 === index).map(({ id }) => id))
      }
      expect(await admin.rows('select distinct pending, owner, ready_at, unsent from feishu_lanes')).toEqual([
        { pending: 0, owner: null, ready_at: null, unsent: 0 },
      ])
    })

    it('lose no event that arrives while its lane is being freed', { timeout: 60_000 }, async () => {
      const store = await open({ poolSize: 8 })
      const driver = new StoreDriver({ store, database: admin.database })
      const total = 150
      let finished = 0
      const writer = async () => {
        for (let n = 0; n < total / 3; n++) await driver.accept({})
      }
      const claimer = async (owner: string) => {
        while (finished < total) {
          for (const item of await driver.claim(owner, 1)) {
            if (item.kind === 'event') await driver.complete(item)
            finished++
          }
        }
      }
      await Promise.all([writer(), writer(), writer(), claimer('a'), claimer('b')])
      expect(await store.inbox.summary()).toMatchObject({ depth: 0 })
    })
  })

  describe('when connections are lost', () => {
    beforeEach(() => admin.clear())

    it('an idle one is replaced', async () => {
      const store = await open()
      for (let round = 0; round < 5; round++) {
        await store.ping()
        expect((await terminate('true')).length).toBeGreaterThan(0)
        const outcome = await store.ping().then(
          () => UNAVAILABLE,
          (thrown: unknown) => thrown,
        )
        expect(outcome).toMatchObject(UNAVAILABLE)
      }
      await store.ping()
    })

    it('a busy one rejects with STORE_UNAVAILABLE, the next works', async () => {
      const store = await open()
      const driver = new StoreDriver({ store, database: admin.database })
      const blocker = new Client({ connectionString: postgres.url })
      await blocker.connect()
      undo.push(() => blocker.end())
      await blocker.query('begin; lock table feishu_lanes in access exclusive mode')
      const accepting = driver.accept({})
      const failure = thrownBy(accepting)
      for (let found = 0; found === 0; ) found = (await terminate("wait_event_type = 'Lock'")).length
      expect(await failure).toMatchObject(UNAVAILABLE)
      await blocker.query('rollback')
      expect(await driver.accept({})).toMatchObject([{ duplicate: false }])
    })

    it('one that is checked out and waiting rejects with STORE_UNAVAILABLE', async () => {
      const database = new Database({ connectionString: postgres.url, max: 1, application_name: 'feishu-supervisor' })
      undo.push(() => database.close())
      const inside = deferred()
      const goOn = deferred()
      const working = database.build(async (db) => {
        await db.execute(sql`begin`)
        inside.resolve()
        await goOn.promise
        await db.execute(sql`select 1`)
      }, 'testing')
      const failure = thrownBy(working)
      await inside.promise
      expect(await terminate("state = 'idle in transaction'")).toHaveLength(1)
      goOn.resolve()
      expect(await failure).toMatchObject(UNAVAILABLE)
      await database.query({ name: '', text: 'select 1' }, [], 'testing')
    })

    it('a statement that takes too long is ended', async () => {
      const store = await open({ statementTimeoutMs: 200 })
      const blocker = new Client({ connectionString: postgres.url })
      await blocker.connect()
      undo.push(() => blocker.end())
      await blocker.query('begin; lock table feishu_lanes in access exclusive mode')
      await expect(store.inbox.claim({ owner: 'me', limit: 1 })).rejects.toMatchObject(UNAVAILABLE)
      await blocker.query('rollback')
      await store.ping()
    })

    it('a deadlock is tried again', async () => {
      await open()
      const database = new Database({ connectionString: postgres.url, max: 2 })
      undo.push(() => database.close())
      await database.query({ name: '', text: 'create sequence tries' }, [], 'testing')
      undo.push(() => admin.rows('drop sequence tries; drop function conflict()'))
      const conflict = `create function conflict() returns int language plpgsql as $$ begin
        if nextval('tries') < 3 then raise exception 'again' using errcode = '40P01'; end if; return 1; end $$`
      await database.query({ name: '', text: conflict }, [], 'testing')
      expect(await database.query({ name: '', text: 'select conflict() as n' }, [], 'testing')).toEqual([{ n: 1 }])
    })
  })

  it('tells what to do about a wrong password or database', async () => {
    const wrongPassword = new URL(postgres.url)
    wrongPassword.password = 'canary'
    const wrongDatabase = new URL(postgres.url)
    wrongDatabase.pathname = '/no_such_database'
    await expect(openPostgres({ url: wrongDatabase.href, migrationsDir, masterKey })).rejects.toMatchObject({
      ...UNAVAILABLE,
      message: expect.stringMatching('create the database'),
    })
    // A server of somebody else may trust us without a password.
    if (postgres.server === undefined) return
    await expect(openPostgres({ url: wrongPassword.href, migrationsDir, masterKey })).rejects.toMatchObject({
      ...UNAVAILABLE,
      message: expect.stringMatching('check user and password'),
    })
  })

  it.skipIf(!('url' in provided) || provided.server === undefined)(
    'works again when the server comes back',
    async () => {
      const store = await open()
      await postgres.server?.stop()
      await expect(store.ping()).rejects.toMatchObject(UNAVAILABLE)
      await expect(store.inbox.summary()).rejects.toMatchObject(UNAVAILABLE)
      await expect(openPostgres({ url: postgres.url, migrationsDir, masterKey })).rejects.toMatchObject(UNAVAILABLE)
      await postgres.server?.start()
      await store.ping()
      expect(await store.inbox.summary()).toMatchObject({ dead: 0 })
    },
  )
})
