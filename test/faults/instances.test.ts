import { afterEach, expect, it } from 'vitest'
import type { Client } from 'pg'
import { openPostgres } from '../../src/store/open/open-postgres.ts'
import { judge } from '../support/judge.ts'
import { migrationsDir, newMasterKey } from '../support/store.ts'
import { postgresOfFile } from '../support/postgres-of-file.ts'
import { Cleanups, FAST } from '../support/system.ts'
import { CLEAN, connectAdmin, entriesOf, FAST_REPLIES, freshDatabase, openSimulator, startHost } from './support.ts'

const cleanups = new Cleanups()
afterEach(cleanups.run)

const { postgres, describePostgres } = await postgresOfFile()

describePostgres('two instances', { timeout: 60_000 }, () => {
  it('D6: that start at once on an empty database make the schema that one makes', async () => {
    const alone = await freshDatabase(cleanups, postgres.url)
    await (await openPostgres({ url: alone, migrationsDir, masterKey: newMasterKey() })).close()
    const databaseUrl = await freshDatabase(cleanups, postgres.url)
    // They share the folder too, and with it the key that the first of them makes.
    const dataDir = await cleanups.folder()
    const hosts = await Promise.all([1, 2].map(() => startHost(cleanups, { databaseUrl, dataDir })))
    for (const host of hosts) expect(await host.order('status')).toMatchObject({ store: { ready: true } })
    expect(await schemaOf(await connectAdmin(cleanups, databaseUrl))).toEqual(
      await schemaOf(await connectAdmin(cleanups, alone)),
    )
  })

  it('K3: the second takes over what the first one had when it was killed', async () => {
    const { leaseMs } = FAST.messages
    const apps = Array.from({ length: 5 }, (_, index) => ({
      appId: `cli_00000000000000f${index}`,
      appSecret: `fake-secret-${index}`,
      name: `bot ${index}`,
    }))
    const simulator = await openSimulator(cleanups, { apps, ackDeadlineMs: 1_000 })
    const { client } = simulator
    const databaseUrl = await freshDatabase(cleanups, postgres.url)
    const options = { databaseUrl, dataDir: await cleanups.folder(), messages: { ...FAST_REPLIES, threads: 4 } }
    const first = await startHost(cleanups, options)
    for (const app of apps) await first.order('addBot', { ...app, domain: simulator.url })
    const second = await startHost(cleanups, options)

    const chats = apps.flatMap(({ appId }, bot) => [0, 1].map((chat) => ({ appId, chatId: `oc_${bot}_${chat}` })))
    await client.startTraffic({ chats, count: 20, perSecond: 100, textPrefix: 'slow' })
    const admin = await connectAdmin(cleanups, databaseUrl)
    const lanesOfFirst = async (): Promise<number> => {
      const { rowCount } = await admin.query('select from feishu_lanes where owner like $1', [`${first.pid}-%`])
      return rowCount ?? 0
    }
    for (let count = 0; count === 0; ) count = await lanesOfFirst()
    await first.kill()
    const killedAt = performance.now()
    for (let count = 1; count > 0; ) count = await lanesOfFirst()
    // Its lease and a second; the rest is for a slow machine.
    expect(performance.now() - killedAt).toBeLessThan(leaseMs + 1_000 + 2_000)

    const { isComplete } = await client.waitForReplies({ count: 20, timeoutMs: 45_000 })
    expect(isComplete).toBe(true)
    const history = await client.history()
    expect(judge(history, await second.order('deadLetters', { limit: 100, offset: 0 }))).toMatchObject({
      replied: 20,
      ...CLEAN,
    })
    for (const { appId } of apps) {
      const opened = entriesOf(history, 'connection_opened').filter((entry) => entry.appId === appId).length
      const closed = entriesOf(history, 'connection_closed').filter((entry) => entry.appId === appId).length
      expect({ appId, opened, closed }).toEqual({ appId, opened: 2, closed: 1 })
    }
  })
})

async function schemaOf(admin: Client): Promise<unknown> {
  const columns = await admin.query(
    `select table_name, column_name, data_type, column_default, is_nullable from information_schema.columns
     where table_schema = 'public' order by 1, 2`,
  )
  const indexes = await admin.query("select indexdef from pg_indexes where schemaname = 'public' order by 1")
  const migrations = await admin.query('select hash from feishu_migrations order by created_at')
  return { columns: columns.rows, indexes: indexes.rows, migrations: migrations.rows }
}
