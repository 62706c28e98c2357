import { resolve } from 'node:path'
import type { PoolConfig } from 'pg'
import type { Secret } from '../../core/log/secret.ts'
import type { ErrorRecord } from '../../core/errors.ts'
import { createStore } from './create-store.ts'
import { keepCheckpointed } from './keep-checkpointed.ts'
import { Database, type Queries, type Statement } from '../database/database.ts'
import { migrate } from './migrate.ts'
import { PgliteThread } from './pglite-thread.ts'
import { PortStream } from './port-stream.ts'
import { SecretBox } from '../bots/secrets.ts'
import type { Store } from '../store.ts'

const VACUUM_EVERY_MS = 60_000

export interface OpenPgliteOptions {
  /** Folder of the database. Created if missing, readable by its owner only. Only one process may use it at a time. */
  readonly dataDir: string
  /** Path of the built entry of the PGlite thread. */
  readonly workerPath: string
  /** Folder with the numbered SQL files and drizzle-kit's meta. */
  readonly migrationsDir: string
  readonly masterKey: Secret
  /** Earlier keys, for secrets that a rotation has not sealed anew yet. Default: none. */
  readonly olderKeys?: readonly Secret[]
  /**
   * Called when the thread of the database ends by an error. The next statement starts a new thread. Default: no call.
   */
  readonly onCrash?: (error: ErrorRecord) => void
  /**
   * Longest wait for the connection, in milliseconds. There is one connection, so a statement also waits for those
   * before it. Default 15 000.
   */
  readonly connectTimeoutMs?: number
  /** Longest wait for the answer to a statement, in milliseconds. Default 30 000. */
  readonly statementTimeoutMs?: number
}

/**
 * Opens and migrates the embedded database. The data survives the death of the process at any moment, but not a power
 * loss: PGlite never flushes its files.
 *
 * Rejects with `DATA_DIR_IN_USE` while another process or thread has the folder, and with `DATA_DIR_UNUSABLE` when the
 * folder cannot be used for a database.
 */
export async function openPglite(options: OpenPgliteOptions): Promise<Store> {
  const secrets = new SecretBox(options.masterKey, ...(options.olderKeys ?? []))
  const { database, thread } = await openPgliteDatabase(options)
  const stopVacuuming = keepVacuumed(database, VACUUM_EVERY_MS)
  const stopCheckpoints = keepCheckpointed(database)
  return createStore('pglite', database, secrets, () => {
    stopVacuuming()
    stopCheckpoints()
    return thread.close()
  })
}

/** Opens and migrates the embedded database without a store on top. */
export async function openPgliteDatabase(
  options: Omit<OpenPgliteOptions, 'masterKey'>,
): Promise<{ database: Database; thread: PgliteThread }> {
  const { workerPath, migrationsDir, connectTimeoutMs = 15_000, statementTimeoutMs = 30_000 } = options
  const thread = new PgliteThread(workerPath, { dataDir: resolve(options.dataDir) }, options.onCrash)
  const connection: PoolConfig = {
    stream: () =>
      new PortStream(
        () => thread.connect(),
        () => thread.kill(),
      ),
    // These values are set here, because the environment may name another server.
    host: 'pglite',
    user: 'postgres',
    database: 'postgres',
    ssl: false,
    connectionTimeoutMillis: connectTimeoutMs,
  }
  try {
    await thread.start()
    await migrate(connection, migrationsDir)
  } catch (thrown) {
    await thread.close()
    throw thrown
  }
  const database = new Database({ ...connection, max: 1, idleTimeoutMillis: 0, query_timeout: statementTimeoutMs })
  return { database, thread }
}

const VACUUM: Statement = { name: 'feishu_vacuum', text: 'vacuum feishu_lanes, feishu_inbox, feishu_outbox' }

/**
 * Vacuums the tables of the inbox at intervals, as autovacuum does on a server: PGlite has no background processes.
 * Without vacuuming every finished event makes the next claim of its lane a little slower. Pages without changes are
 * skipped, so a run takes milliseconds. Returns a function that stops the vacuuming.
 */
export function keepVacuumed(database: Queries, everyMs: number): () => void {
  const timer = setInterval(() => {
    // A failure of the database shows in other statements too. The next interval vacuums again.
    database.query(VACUUM, [], 'vacuuming').catch(() => {})
  }, everyMs)
  timer.unref()
  return () => clearInterval(timer)
}
