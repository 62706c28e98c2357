import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Client } from 'pg'
import { openPostgres } from '../../src/store/open/open-postgres.ts'
import type { Store } from '../../src/store/store.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { event, migrationsDir, newMasterKey } from '../support/store.ts'
import { postgresOfFile } from '../support/postgres-of-file.ts'
import { Cleanups } from '../support/system.ts'
import { StatementProxy } from './statement-proxy.ts'
import { connectAdmin } from './support.ts'

const { postgres, describePostgres } = await postgresOfFile()
const cleanups = new Cleanups()
afterAll(cleanups.run)

const SEED = Math.floor(Math.random() * 1e9)
const TIMEOUT_MS = 300
/** A connection, a statement with the second that is left to its answer, and that again for a lost claim. */
const BOUND_MS = 2 * (TIMEOUT_MS + TIMEOUT_MS + 1_000)
/** For a slow machine. */
const SLACK_MS = 3_000

describePostgres('D3: packets to the database and back are lost', () => {
  let proxy: StatementProxy
  let store: Store
  let admin: Client

  beforeAll(async () => {
    admin = await connectAdmin(cleanups, postgres.url)
    const faulty = await StatementProxy.before(postgres.url)
    proxy = faulty.proxy
    cleanups.add(() => proxy.stop())
    store = await openPostgres({
      url: faulty.url,
      migrationsDir,
      masterKey: newMasterKey(),
      connectTimeoutMs: TIMEOUT_MS,
      statementTimeoutMs: TIMEOUT_MS,
    })
    cleanups.add(() => store.close())
  })

  /** Every kind of call at once, more of them than there are connections. Answers what became of each, and how long the slowest took. */
  async function callAll(): Promise<{ outcomes: Set<string>; slowestMs: number; stored: number[] }> {
    const startedAt = performance.now()
    const stored: number[] = []
    const accept = async (): Promise<void> => {
      const [accepted] = await store.inbox.accept([{ botId: 'bot_a', event: event() }])
      if (accepted !== undefined) stored.push(accepted.id)
    }
    const calls = [
      accept(),
      accept(),
      store.inbox.claim({ owner: 'me', limit: 1 }),
      store.inbox.summary(),
      store.instances.renew('me', 60_000),
      store.instances.rescue('me', false),
      store.ping(),
    ]
    const outcomes = await Promise.all(
      calls.map((call) =>
        call.then(
          () => 'done',
          (thrown: { code?: string }) => String(thrown.code),
        ),
      ),
    )
    return { outcomes: new Set(outcomes), slowestMs: performance.now() - startedAt, stored }
  }

  /** Connections that ended meanwhile fail once each, then there are new ones. */
  async function recovered(): Promise<number[]> {
    proxy.mend()
    for (let tries = 1; tries < 4; tries += 1) {
      const { outcomes, stored } = await callAll()
      if (outcomes.size === 1 && outcomes.has('done')) return stored
    }
    throw new Error('the pool did not recover')
  }

  it('all of them: every call ends by its timeout, and works again afterwards', async () => {
    expect((await callAll()).outcomes).toEqual(new Set(['done']))
    proxy.lose(() => true)
    const { outcomes, slowestMs } = await callAll()
    expect(outcomes).toEqual(new Set(['STORE_UNAVAILABLE']))
    expect(slowestMs).toBeLessThan(BOUND_MS + SLACK_MS)
    // New connections are not better off.
    expect((await callAll()).outcomes).toEqual(new Set(['STORE_UNAVAILABLE']))
    await recovered()
  })

  it(`half of them (seed ${SEED}): every call ends by its timeout, and what was confirmed is stored`, async () => {
    const random = seededRandom(SEED)
    const stored: number[] = []
    for (let round = 0; round < 4; round += 1) {
      // From connections that work to some that do not.
      proxy.lose(() => random() < 0.5)
      const lossy = await callAll()
      stored.push(...lossy.stored)
      expect([...lossy.outcomes].filter((outcome) => outcome !== 'done' && outcome !== 'STORE_UNAVAILABLE')).toEqual([])
      expect(lossy.slowestMs).toBeLessThan(BOUND_MS + SLACK_MS)
      stored.push(...(await recovered()))
    }
    const { rowCount } = await admin.query('select from feishu_inbox where id = any($1)', [stored])
    expect(rowCount).toBe(new Set(stored).size)
  })
})
