import { fork, type ChildProcess } from 'node:child_process'
import { on, once } from 'node:events'
import { chmod, mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createStore } from '../../src/store/open/create-store.ts'
import { keepCheckpointed } from '../../src/store/open/keep-checkpointed.ts'
import { keepVacuumed, openPglite, openPgliteDatabase } from '../../src/store/open/open-pglite.ts'
import { PortStream } from '../../src/store/open/port-stream.ts'
import { SecretBox } from '../../src/store/bots/secrets.ts'
import type { Store } from '../../src/store/store.ts'
import { lockDataDir } from '../../workers/pglite/data-dir-lock.ts'
import { copyEmptyDatabase } from '../support/empty-database.ts'
import {
  StoreDriver,
  event,
  migrationsDir,
  newMasterKey,
  openPgliteStore,
  temporaryFolder,
  workerPath,
} from '../support/store.ts'
import { describeStore } from './store-contract.ts'

const IN_USE = { code: 'DATA_DIR_IN_USE' }
const noop = async () => {}
/** Takes the rejection at once, so that it never counts as unhandled. */
const thrownBy = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )

describeStore('PGlite', openPgliteStore)

describe('the embedded database', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let dataDir: string
  const undo: (() => Promise<unknown>)[] = []
  const masterKey = newMasterKey()

  beforeEach(async () => {
    folder = await temporaryFolder()
    dataDir = join(folder.path, 'data')
  })
  afterEach(async () => {
    for (const step of undo.splice(0).toReversed()) await step()
    await folder.remove()
  })

  async function open(path = dataDir): Promise<Store> {
    const store = await openPglite({ dataDir: path, workerPath, migrationsDir, masterKey })
    undo.push(() => store.close())
    return store
  }

  async function openDatabase(statementTimeoutMs = 30_000): ReturnType<typeof openPgliteDatabase> {
    const opened = await openPgliteDatabase({ dataDir, workerPath, migrationsDir, statementTimeoutMs })
    undo.push(
      () => opened.thread.close(),
      () => opened.database.close(),
    )
    return opened
  }

  async function holdInChild(task: 'hold' | 'write'): Promise<ChildProcess> {
    const child = fork(resolve('test/store/pglite-child.mjs'), [dataDir, workerPath, migrationsDir, task])
    undo.push(() => kill(child))
    const [message] = await Promise.race([once(child, 'message'), once(child, 'exit')])
    expect(message).toEqual({ kind: 'open' })
    return child
  }

  async function kill(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }

  it('makes its folder for its owner only, keeps what it stored, and can be opened again', async () => {
    const first = await open()
    expect(first.kind).toBe('pglite')
    await first.inbox.accept([{ botId: 'bot_a', event: event() }])
    await first.close()
    await first.close()
    for (const path of [dataDir, join(dataDir, 'pglite')]) expect((await stat(path)).mode & 0o777).toBe(0o700)
    expect(await readdir(dataDir)).toEqual(['pglite'])
    expect(await (await open()).inbox.summary()).toMatchObject({ depth: 1 })
  })

  it('refuses a folder this process has open, by any name, and names the holder', async () => {
    await copyEmptyDatabase(dataDir)
    await open()
    await symlink(dataDir, join(folder.path, 'link'))
    const mend = `${join(folder.path, 'link')} is in use by this process: stop it, or choose another folder`
    await expect(open(join(folder.path, 'link'))).rejects.toMatchObject({
      ...IN_USE,
      message: expect.stringContaining(mend),
    })
  })

  it('refuses a folder another process has open, until that is killed', async () => {
    await copyEmptyDatabase(dataDir)
    const child = await holdInChild('hold')
    const message = expect.stringContaining(`${dataDir} is in use by process ${child.pid}`)
    await expect(open()).rejects.toMatchObject({ ...IN_USE, message })
    await kill(child)
    await (await open()).ping()
  })

  it('has everything it acknowledged after a kill -9', async () => {
    await copyEmptyDatabase(dataDir)
    const child = await holdInChild('write')
    const stored: string[] = []
    for await (const [message] of on(child, 'message')) {
      stored.push(...(message as { keys: string[] }).keys)
      if (stored.length >= 300) break
    }
    await kill(child)
    const { database } = await openDatabase()
    const rows = await database.query<{ dedupe_key: string }>(
      { name: '', text: 'select dedupe_key from feishu_inbox' },
      [],
      'testing',
    )
    const found = new Set(rows.map((row) => row.dedupe_key))
    expect(stored.filter((key) => !found.has(key))).toEqual([])
  })

  it('comes back by itself when its thread dies, with what was committed', async () => {
    await copyEmptyDatabase(dataDir)
    const { database, thread } = await openDatabase()
    const driver = new StoreDriver({ database, store: createStore('pglite', database, new SecretBox(masterKey), noop) })
    await driver.accept({})
    const worker = await thread.start()
    const exited = once(worker, 'exit')
    const failure = thrownBy(driver.rows('select count(*) from generate_series(1, 50000000)'))
    thread.kill()
    await exited
    expect(await failure).toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true })
    expect(await driver.store.inbox.summary()).toMatchObject({ depth: 1 })
    expect(await thread.start()).not.toBe(worker)
  })

  it('is vacuumed at intervals', async () => {
    await copyEmptyDatabase(dataDir)
    const { database } = await openDatabase()
    const driver = new StoreDriver({ database, store: createStore('pglite', database, new SecretBox(masterKey), noop) })
    await driver.accept({}, {}, {})
    const stop = keepVacuumed(database, 1)
    undo.push(async () => stop())
    for (let visible = 0; visible === 0; ) {
      const pages = "select relallvisible as visible from pg_class where relname = 'feishu_inbox'"
      visible = (await driver.rows<{ visible: number }>(pages))[0]?.visible ?? 0
    }
    expect(await driver.store.inbox.summary()).toMatchObject({ depth: 3 })
  })

  it('keeps its log small under traffic, and nothing is lost by a kill after a checkpoint', async () => {
    await copyEmptyDatabase(dataDir)
    const { database, thread } = await openDatabase()
    const stop = keepCheckpointed(database, { lookEveryMs: 1, mostBytes: 4 * 1_048_576, mostMs: 300_000 })
    undo.push(async () => stop())
    const run = <T>(text: string): Promise<T[]> => database.query<T & object>({ name: '', text }, [], 'testing')
    await run('create table ballast (id serial, text text)')
    const redo = async (): Promise<string> =>
      (await run<{ lsn: string }>('select redo_lsn::text as lsn from pg_control_checkpoint()'))[0]?.lsn ?? ''
    // About 10 MB of log each time.
    for (let n = 0; n < 12; n += 1) {
      const before = await redo()
      await run('insert into ballast (text) select repeat(md5(i::text), 30) from generate_series(1, 10000) i')
      while ((await redo()) === before);
    }
    const wal = join(dataDir, 'pglite', 'pg_wal')
    const files = (await readdir(wal)).filter((name) => /^[0-9A-F]{24}$/.test(name))
    const sizes = await Promise.all(files.map(async (name) => (await stat(join(wal, name))).size))
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(100 * 1_048_576)
    stop()
    await (await thread.start()).terminate()
    const count = () => run<{ count: number }>('select count(*)::int4 as count from ballast')
    // A statement that meets the end of the thread fails; the next one starts another thread.
    expect(await count().catch(count)).toEqual([{ count: 120_000 }])
  })

  it('replaces a thread that does not answer', async () => {
    await copyEmptyDatabase(dataDir)
    const { database, thread } = await openDatabase(100)
    const worker = await thread.start()
    const exited = once(worker, 'exit')
    const stream = new PortStream(
      () => thread.connect(),
      () => thread.kill(),
    )
    const slow = database.query({ name: '', text: 'select count(*) from generate_series(1, 500000000)' }, [], 'testing')
    expect(await thrownBy(slow)).toMatchObject({ code: 'STORE_UNAVAILABLE' })
    stream.connect()
    await once(stream, 'connect')
    stream.destroy()
    await exited
    await database.query({ name: '', text: 'select 1' }, [], 'testing').catch(noop)
    expect(await thread.start()).not.toBe(worker)
  })

  it('is free when the thread that held it was terminated', async () => {
    await copyEmptyDatabase(dataDir)
    const worker = new Worker(workerPath, { workerData: { dataDir } })
    await once(worker, 'message')
    void worker.terminate()
    expect(await (await open()).inbox.summary()).toMatchObject({ depth: 0 })
  })

  it('rejects with STORE_UNAVAILABLE after close', async () => {
    await copyEmptyDatabase(dataDir)
    const store = await open()
    await store.close()
    await expect(store.ping()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true })
  })

  it('gives each connection a clean session', async () => {
    await copyEmptyDatabase(dataDir)
    const { database } = await openDatabase(100)
    const run = (text: string) => database.query({ name: 'same', text }, [], 'testing')
    await run('begin')
    await expect(run('select 1')).rejects.toMatchObject({ code: 'INTERNAL' })
    // Longer than the statement timeout, so the connection is given up in the middle of the transaction.
    const slow = database.query({ name: '', text: 'select count(*) from generate_series(1, 5000000)' }, [], 'testing')
    await expect(slow).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(await database.query({ name: 'same', text: 'select 7 as n' }, [], 'testing')).toEqual([{ n: 7 }])
    expect(
      await new StoreDriver({ database, store: undefined as never }).rows(
        'select pg_current_xact_id_if_assigned() as x',
      ),
    ).toEqual([{ x: null }])
  })

  it('begins again when the first start was killed while making the database', async () => {
    await mkdir(join(dataDir, 'pglite'), { recursive: true })
    await writeFile(join(dataDir, 'pglite', 'PG_VERSION'), '18\n')
    await writeFile(join(dataDir, 'pglite.unfinished'), '')
    await (await open()).ping()
    expect(await readdir(dataDir)).toEqual(['pglite'])
  })

  it('refuses a path that is no folder or lies below a file', async () => {
    const file = join(folder.path, 'file')
    await writeFile(file, '')
    for (const path of [file, join(file, 'data')]) {
      await expect(open(path)).rejects.toMatchObject({
        code: 'DATA_DIR_UNUSABLE',
        message: expect.stringMatching(`${path} .*FS_DATA_DIR`),
      })
    }
  })

  it('refuses a damaged database and says how to go on', async () => {
    await mkdir(join(dataDir, 'pglite'), { recursive: true })
    await writeFile(join(dataDir, 'pglite', 'PG_VERSION'), '9.6\n')
    await expect(open()).rejects.toMatchObject({ code: 'DATA_DIR_UNUSABLE', message: expect.stringMatching(/backup/) })
  })

  const isRoot = process.getuid?.() === 0
  if (isRoot) process.stderr.write('skipped: a folder without write permission (permissions do not bind root)\n')
  it.skipIf(isRoot)('refuses a folder it cannot write to', async () => {
    await mkdir(dataDir)
    await chmod(dataDir, 0o500)
    await expect(open()).rejects.toMatchObject({ code: 'DATA_DIR_UNUSABLE', message: expect.stringContaining(dataDir) })
  })
})

describe('the lock of the data folder', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  beforeEach(async () => {
    folder = await temporaryFolder()
  })
  afterEach(() => folder.remove())

  for (const platform of new Set([process.platform, 'darwin'])) {
    it(`is exclusive and can be taken again (${platform})`, async () => {
      const lock = await lockDataDir(folder.path, { platform, retryForMs: 100 })
      await expect(lockDataDir(folder.path, { platform, retryForMs: 100 })).rejects.toMatchObject(IN_USE)
      await lock.release()
      const results = await Promise.allSettled(
        [1, 2, 3].map(() => lockDataDir(folder.path, { platform, retryForMs: 100 })),
      )
      const held = results.filter((result) => result.status === 'fulfilled')
      expect(held).toHaveLength(1)
      for (const { value } of held) await value.release()
      expect(await readdir(folder.path)).toEqual([])
    })
  }

  it.each(['{"pid":1,"port":1,"token":"x"}', 'half a fi', ''])(
    'does not believe a file left over: %j',
    async (left) => {
      await writeFile(join(folder.path, 'pglite.lock'), left)
      const lock = await lockDataDir(folder.path, { platform: 'darwin', retryForMs: 100 })
      await expect(lockDataDir(folder.path, { platform: 'darwin', retryForMs: 100 })).rejects.toMatchObject(IN_USE)
      await lock.release()
    },
  )
})
