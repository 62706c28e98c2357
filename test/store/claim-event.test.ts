import { copyEmptyDatabase } from '../support/empty-database.ts'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createStore } from '../../src/store/open/create-store.ts'
import { Database } from '../../src/store/database/database.ts'
import { Inbox } from '../../src/store/inbox/inbox.ts'
import { openPgliteDatabase } from '../../src/store/open/open-pglite.ts'
import { openPostgres } from '../../src/store/open/open-postgres.ts'
import { SecretBox } from '../../src/store/bots/secrets.ts'
import type { ClaimedEvent } from '../../src/store/store.ts'
import { providePostgres } from '../support/postgres.ts'
import {
  event,
  migrationsDir,
  newMasterKey,
  StoreDriver,
  type StoreUnderTest,
  temporaryFolder,
  workerPath,
} from '../support/store.ts'

/** What `claimEvent` promises, whatever database is below it. */
function describeClaimEvent(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`claimEvent on ${name}`, () => {
    let opened: StoreUnderTest
    let db: StoreDriver
    beforeAll(async () => {
      opened = await open()
      db = new StoreDriver(opened)
    })
    afterAll(() => opened?.close())
    beforeEach(() => db.clear())

    const claimEvent = (eventId: number, owner = 'me') => db.store.inbox.claimEvent({ owner, eventId })
    const store = async (...lanes: string[]): Promise<number[]> =>
      (await db.accept(...lanes.map((lane) => ({ lane })))).map(({ id }) => id)

    it('takes the event and its lane, before older lanes, and counts the attempt', async () => {
      const [older = 0, wanted = 0] = await store('a', 'card:1')
      const claimed = await claimEvent(wanted)
      expect(claimed).toMatchObject({
        kind: 'event',
        id: wanted,
        botId: 'bot_a',
        lane: 'card:1',
        attempt: 1,
        ageMs: expect.any(Number),
        staleMs: expect.any(Number),
      })
      const rest = await db.claim('other')
      expect(rest).toMatchObject([{ id: older }])
      expect(await claimEvent(wanted)).toBeNull()
      expect(await db.complete(claimed as ClaimedEvent)).toBe(true)
      expect(await claimEvent(wanted)).toBeNull()
    })

    it('leaves alone what is not the head of its lane, not due, claimed or unknown', async () => {
      const [first = 0, second = 0] = await store('a', 'a')
      const before = await db.everything()
      expect(await claimEvent(second)).toBeNull()
      expect(await claimEvent(0)).toBeNull()
      expect(await db.everything()).toBe(before)
      const claimed = await db.claimEvent('other')
      expect(claimed.id).toBe(first)
      expect(await claimEvent(first)).toBeNull()
      expect(await claimEvent(second)).toBeNull()
      await db.retry(claimed, 60_000)
      expect(await claimEvent(first)).toBeNull()
      await db.passTime()
      expect(await claimEvent(first)).toMatchObject({ attempt: 2 })
    })

    it('waits for nobody: the replies of a lane come first', async () => {
      const [first = 0, second = 0] = await store('a', 'a')
      const claimed = await db.claimEvent()
      expect(claimed.id).toBe(first)
      const result = { kind: 'completed', replies: [REPLY] } as const
      await db.store.inbox.finish([{ id: first, fence: claimed.fence, result }])
      expect(await claimEvent(second)).toBeNull()
      const retry = { kind: 'retry', afterMs: 0, error: AWAY, isRefused: true } as const
      await db.store.inbox.settle([{ eventId: first, part: 0, fence: claimed.fence, result: retry }])
      expect(await claimEvent(second)).toBeNull()
    })

    it('never gives one event to two', async () => {
      const ids = await store(...Array.from({ length: 20 }, (_none, index) => `card:${index}`))
      const claims = await Promise.all(ids.flatMap((id) => [claimEvent(id, 'one'), claimEvent(id, 'two')]))
      const loop = await db.claim('loop', 20)
      const taken = [...claims.flatMap((item) => item?.id ?? []), ...loop.map((item) => ('id' in item ? item.id : 0))]
      expect(taken.toSorted((a, b) => a - b)).toEqual(ids)
    })

    it('whose answer got lost is given back, uncounted', async () => {
      let isLosing = true
      const inbox = new Inbox({
        async query(statement, values, doing) {
          const rows = await db.database.query(statement, values, doing)
          if (!isLosing) return rows as never
          isLosing = false
          throw new Error('Connection terminated unexpectedly')
        },
      })
      const [stored] = await db.store.inbox.accept([{ botId: 'bot_a', event: event({ lane: 'card:1' }) }])
      await expect(inbox.claimEvent({ owner: 'me', eventId: stored?.id ?? 0 })).rejects.toThrow('terminated')
      expect(await inbox.claim({ owner: 'me', limit: 1 })).toMatchObject({ items: [{ attempt: 1 }] })
    })

    it('is rescued with the rest when its owner is gone', async () => {
      const [id = 0] = await store('card:1')
      await claimEvent(id, 'gone')
      await db.store.instances.release('gone')
      expect(await db.claim()).toMatchObject([{ id, attempt: 2 }])
    })
  })
}

const AWAY = { code: 'REPLY_FAILED', message: 'away', retryable: true } as const

const REPLY = {
  messageId: 'om_1',
  receiver: { type: 'chat_id', id: 'oc_1' },
  uuid: 'u_claim_event',
  msgType: 'text',
  content: '{"text":"hi"}',
} as const

describeClaimEvent('PGlite', async () => {
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
})

const postgres = await providePostgres()
afterAll(async () => {
  if ('drop' in postgres) await postgres.drop()
})

describe.skipIf(!('url' in postgres))('with a server', () => {
  describeClaimEvent('PostgreSQL', async () => {
    if (!('url' in postgres)) throw new Error('there is no server')
    const store = await openPostgres({ url: postgres.url, migrationsDir, masterKey: newMasterKey() })
    const database = new Database({ connectionString: postgres.url, max: 2 })
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
