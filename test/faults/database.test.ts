import { afterEach, describe, expect, it } from 'vitest'
import { FaultProxy } from '../support/fault-proxy.ts'
import { judge } from '../support/judge.ts'
import { postgresOfFile } from '../support/postgres-of-file.ts'
import { provideOwnPostgres } from '../support/postgres.ts'
import { Cleanups, eventOf, getJson } from '../support/system.ts'
import { CLEAN, connectAdmin, entriesOf, freshDatabase, lateAcks, Stage, unsavedAcks } from './support.ts'

const cleanups = new Cleanups()
afterEach(cleanups.run)

const { postgres, describePostgres } = await postgresOfFile(provideOwnPostgres)

/** Ends the server without a shutdown; answers how to start it again, which happens after the test in any case. */
async function crash(): Promise<() => Promise<void>> {
  await postgres.server?.stop('crash')
  let starting: Promise<void> | undefined
  const restart = async (): Promise<void> => {
    starting ??= postgres.server?.start()
    await starting
  }
  cleanups.add(restart)
  return restart
}

/** Feishu's redeliveries after 0.015 s, 0.3 s, 3.6 s, 22 s. */
const PATIENT = { timeScale: 0.001 }

/** While a machine is slow a database is away for longer, and that last redelivery is needed. */
const PATIENT_MS = 60_000

describe.skipIf(postgres.server === undefined)(
  'D1: the database is not there',
  { timeout: PATIENT_MS + 20_000 },
  () => {
    it('at the start: the process is up, says so, acknowledges nothing, and recovers', async () => {
      const databaseUrl = await freshDatabase(cleanups, postgres.url)
      const dataDir = await cleanups.folder()
      const first = await Stage.open(cleanups, { databaseUrl, dataDir })
      await first.supervisor.stop(1_000)

      const restart = await crash()
      const supervisor = cleanups.supervisor({ databaseUrl, dataDir })
      await supervisor.start()
      expect(await getJson(supervisor, '/healthz')).toMatchObject({ status: 200 })
      expect(await getJson(supervisor, '/readyz')).toMatchObject({
        status: 503,
        body: { status: 'not ready', store: { ready: false, error: { code: 'STORE_UNAVAILABLE' } } },
      })
      await first.say('while nobody can store it')
      await first.entry('push_failed')

      const ready = eventOf(supervisor, 'store', (event) => event.ready)
      await restart()
      await ready
      const history = await first.allAnswered(PATIENT_MS)
      expect(await getJson(supervisor, '/readyz')).toMatchObject({ status: 200 })
      expect(judge(history, (await supervisor.listDeadLetters()).items)).toMatchObject(CLEAN)
    })

    it('under load: events are refused in time, never acknowledged unsaved, and all are answered after it', async () => {
      const databaseUrl = await freshDatabase(cleanups, postgres.url)
      const stage = await Stage.open(cleanups, { databaseUrl }, PATIENT)
      const { supervisor } = stage
      await stage.flood('load', 90, 60)
      await stage.entry('message_created')
      const down = eventOf(supervisor, 'store', ({ ready }) => !ready)
      const restart = await crash()
      const stoppedAt = (await stage.simulator.client.history()).length
      await down
      expect(await getJson(supervisor, '/readyz')).toMatchObject({ status: 503 })
      expect(await getJson(supervisor, '/healthz')).toMatchObject({ status: 200 })
      await stage.entry('acked', ({ code, seq }) => code === 500 && seq > stoppedAt)
      const up = eventOf(supervisor, 'store', ({ ready }) => ready)
      await restart()
      await up

      const history = await stage.allAnswered(PATIENT_MS)
      expect(judge(history, (await supervisor.listDeadLetters()).items)).toMatchObject(CLEAN)
      expect(await unsavedAcks(history, await connectAdmin(cleanups, databaseUrl))).toEqual([])
      expect(lateAcks(history)).toEqual([])
      expect(entriesOf(history, 'acked').filter(({ latencyMs }) => latencyMs > 3_000)).toEqual([])
      expect(await supervisor.status()).toMatchObject({ restarts: 0, bots: [{ child: { incarnation: 1 } }] })
    })
  },
)

describePostgres('D2: connections of the database end', { timeout: PATIENT_MS + 20_000 }, () => {
  it('twenty times, idle or busy: nothing else ends, and the work is done', async () => {
    const databaseUrl = await freshDatabase(cleanups, postgres.url)
    const stage = await Stage.open(cleanups, { databaseUrl })
    const admin = await connectAdmin(cleanups, databaseUrl)
    const locker = await connectAdmin(cleanups, databaseUrl)
    const terminate = async (condition: string): Promise<number> => {
      const { rowCount } = await admin.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where application_name = 'feishu-supervisor' and datname = current_database() and ${condition}`,
      )
      return rowCount ?? 0
    }
    for (let round = 0; round < 10; round += 1) {
      for (let idleCount = 0; idleCount === 0; ) idleCount = await terminate("state = 'idle'")
      // What stores, claims or finishes the message waits for this lock, and ends there.
      await locker.query('begin; lock table feishu_lanes in access exclusive mode')
      await stage.say(`round ${round}`)
      for (let busyCount = 0; busyCount === 0; ) busyCount = await terminate("wait_event_type = 'Lock'")
      await locker.query('rollback')
      await stage.allAnswered()
    }
    const history = await stage.simulator.client.history()
    expect(judge(history, (await stage.supervisor.listDeadLetters()).items)).toMatchObject({ replied: 10, ...CLEAN })
    expect(await stage.supervisor.status()).toMatchObject({ restarts: 0, bots: [{ child: { incarnation: 1 } }] })
  })
})

describePostgres('D3: the way to the database', { timeout: 2 * PATIENT_MS }, () => {
  it('swallows everything, then is slow: no acknowledgement comes too late, and all are answered', async () => {
    const url = new URL(await freshDatabase(cleanups, postgres.url))
    const databaseUrl = url.href
    const proxy = new FaultProxy({ host: url.hostname, port: Number(url.port) })
    url.port = String(await proxy.start())
    cleanups.add(() => proxy.stop())
    const stage = await Stage.open(
      cleanups,
      { databaseUrl: url.href, connection: { acceptTimeoutMs: 900 } },
      { ...PATIENT, ackDeadlineMs: 1_200 },
    )
    const { client } = stage.simulator
    await stage.flood('into the hole', 40, 40)
    await stage.entry('message_created')
    proxy.blackHole(true)
    // What was on its way is over once the first event is refused: from here on nothing can be stored.
    const { seq } = await stage.entry('acked', ({ code }) => code === 500)
    const swallowed = await stage.say('swallowed')
    await stage.entry('acked', ({ code, messageId }) => code === 500 && messageId === swallowed)
    const meanwhile = (await client.history(seq)).filter((entry) => entry.kind === 'acked' && entry.code === 200)
    expect(meanwhile).toEqual([])
    proxy.blackHole(false)
    await stage.allAnswered(PATIENT_MS)

    proxy.delay(150)
    await stage.flood('slowly', 5, 40, 5)
    const history = await stage.allAnswered(PATIENT_MS)
    expect(judge(history, (await stage.supervisor.listDeadLetters()).items)).toMatchObject(CLEAN)
    expect(await unsavedAcks(history, await connectAdmin(cleanups, databaseUrl))).toEqual([])
    expect(lateAcks(history)).toEqual([])
  })
})
