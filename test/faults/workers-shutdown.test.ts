import { execFileSync } from 'node:child_process'
import { constants } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { FeishuSupervisor } from '../../src/app/feishu-supervisor.ts'
import { packagePaths } from '../../src/app/package-paths.ts'
import { resolveOptions } from '../../src/options/options.ts'
import { providePostgres } from '../support/postgres.ts'
import { ADA, addConnected, Cleanups, eventOf } from '../support/system.ts'
import { connectAdmin } from './support.ts'

const cleanups = new Cleanups()
afterEach(cleanups.run)

/** What the library promises to be gone by, after its grace. */
const MARGIN_MS = 2_000

/** For a machine that is busy with other tests. */
const SLACK_MS = 3_000

describe('a host that embeds the library', () => {
  it('keeps its listeners and its process, and a stop is over in time although a handler computes for ever (S2)', async () => {
    const names = [
      'exit',
      'beforeExit',
      'uncaughtException',
      'unhandledRejection',
      'SIGTERM',
      'SIGINT',
      'SIGHUP',
      'warning',
    ]
    const counts = () => names.map((name) => process.listenerCount(name))
    const before = counts()
    const simulator = await cleanups.simulator()
    const supervisor = cleanups.supervisor({
      dataDir: await cleanups.dataDir(),
      handler: resolve('test/fixtures/handlers/spins.mjs'),
    })
    await supervisor.start()
    await addConnected(supervisor, ADA, simulator.url)
    expect(counts()).toEqual(before)
    const received = eventOf(supervisor, 'message', ({ stage }) => stage === 'received')
    await simulator.client.sendText({ appId: ADA.appId, chatId: 'oc_1', text: 'spin' })
    await received
    const startedAt = Date.now()
    await supervisor.stop(500)
    expect(Date.now() - startedAt).toBeLessThan(500 + MARGIN_MS + SLACK_MS)
    expect((await supervisor.status()).state).toBe('stopped')
    expect(counts()).toEqual(before)
  })
})

const LONG = { firstMs: 60_000, maxMs: 60_000 }

const IN_BACKOFF: Readonly<Record<string, () => Promise<FeishuSupervisor>>> = {
  'of a worker that does not start': async () => {
    const options = resolveOptions({ dataDir: await cleanups.dataDir(), supervision: { backoff: LONG } }).thread
    const paths = { ...packagePaths(), botWorker: resolve('test/fixtures/bots/throws-at-import.cjs') }
    const supervisor = new FeishuSupervisor(options, { paths })
    cleanups.add(() => supervisor.stop(0))
    await supervisor.start()
    const waiting = eventOf(supervisor, 'restart', ({ nextAt = 0 }) => nextAt > Date.now() + 30_000)
    await supervisor.addBot({ ...ADA, domain: 'http://127.0.0.1:1', useWebSocket: true })
    await waiting
    return supervisor
  },
  'of a connection': async () => {
    const supervisor = cleanups.supervisor({ dataDir: await cleanups.dataDir(), connection: { backoff: LONG } })
    await supervisor.start()
    const waiting = eventOf(supervisor, 'bot', ({ connection }) => connection.state === 'reconnecting')
    await supervisor.addBot({ ...ADA, domain: 'http://127.0.0.1:1', useWebSocket: true })
    await waiting
    return supervisor
  },
  'of a database that is away': async () => {
    const databaseUrl = 'postgres://nobody@127.0.0.1:1/none'
    const supervisor = cleanups.supervisor({ dataDir: await cleanups.folder(), databaseUrl })
    await supervisor.start()
    return supervisor
  },
}

it.each(Object.entries(IN_BACKOFF))('a stop in the back-off %s is over in time (S2)', async (_what, open) => {
  const supervisor = await open()
  const startedAt = Date.now()
  await supervisor.stop(500)
  expect(Date.now() - startedAt).toBeLessThan(500 + MARGIN_MS + SLACK_MS)
  expect(await supervisor.status()).toMatchObject({ state: 'stopped', restarts: 0 })
})

describe('the command line', () => {
  it('ends in time in the middle of a migration, and the next start does it all (S2)', async (context) => {
    const postgres = await providePostgres()
    if ('skip' in postgres) {
      context.skip(postgres.skip)
      return
    }
    cleanups.add(() => postgres.drop())
    const simulator = await cleanups.simulator()
    const env = { FS_DATABASE_URL: postgres.url, FS_DATA_DIR: await cleanups.folder(), FS_PORT: '0' }
    const admin = await connectAdmin(cleanups, postgres.url)
    // The migration comes to this table and waits for whoever makes one of the same name.
    await admin.query('begin; create table feishu_outbox (id int)')
    const started = cleanups.cli(['start'], env)
    const waiting = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    const other = await connectAdmin(cleanups, postgres.url)
    while ((await other.query(waiting)).rowCount === 0);
    const signalledAt = Date.now()
    started.child.kill('SIGTERM')
    expect(await started.ended).toMatchObject({ code: 0 })
    expect(Date.now() - signalledAt).toBeLessThan(10_000 + MARGIN_MS + SLACK_MS)
    await admin.query('rollback')
    const add = [
      'bots',
      'add',
      '--app-id',
      ADA.appId,
      '--app-secret',
      ADA.appSecret,
      '--use-web-socket',
      '--domain',
      simulator.url,
    ]
    expect(await cleanups.command(add, env)).toMatchObject({ code: 0 })
    const next = cleanups.cli(['start'], env)
    await next.printed('feishu-supervisor is running')
    await simulator.client.sendText({ appId: ADA.appId, chatId: 'oc_1', text: 'hello' })
    expect(await simulator.client.waitForReplies({ count: 1, timeoutMs: 20_000 })).toMatchObject({ isComplete: true })
    next.child.kill('SIGTERM')
    expect(await next.ended).toMatchObject({ code: 0 })
  }, 60_000)

  it('ends in time although a handler sits in native code, where nothing ends its thread (S2)', async () => {
    const simulator = await cleanups.simulator()
    const folder = await cleanups.dataDir()
    const backend = createServer().listen(0, '127.0.0.1')
    cleanups.add(() => new Promise((done) => backend.close(done)))
    await once(backend, 'listening')
    const fifo = join(folder, 'fifo')
    execFileSync('mkfifo', [fifo])
    // Opened to read and write a FIFO never blocks: whoever still waits at its other end goes on.
    cleanups.add(() => writeFile(fifo, '', { flag: constants.O_RDWR }))
    const handler = join(folder, 'blocks.mjs')
    await writeFile(
      handler,
      `import { openSync } from 'node:fs'
       export default async () => {
         await fetch('http://127.0.0.1:${(backend.address() as AddressInfo).port}', { headers: { connection: 'close' } })
         openSync(${JSON.stringify(fifo)}, 'r')
       }`,
    )
    const env = { FS_DATA_DIR: folder, FS_PORT: '0', FS_HANDLER: handler }
    const add = [
      'bots',
      'add',
      '--app-id',
      ADA.appId,
      '--app-secret',
      ADA.appSecret,
      '--use-web-socket',
      '--domain',
      simulator.url,
    ]
    expect(await cleanups.command(add, { FS_DATA_DIR: folder })).toMatchObject({ code: 0 })
    const started = cleanups.cli(['start'], env)
    await started.printed('feishu-supervisor is running')
    const asked = once(backend, 'request') as Promise<[unknown, ServerResponse]>
    await simulator.client.sendText({ appId: ADA.appId, chatId: 'oc_1', text: 'block' })
    const [, answer] = await asked
    answer.end()
    const signalledAt = Date.now()
    started.child.kill('SIGTERM')
    await started.ended
    expect(Date.now() - signalledAt).toBeLessThan(10_000 + MARGIN_MS + SLACK_MS)
    expect(started.child.signalCode).toBe('SIGKILL')
  }, 60_000)
})
