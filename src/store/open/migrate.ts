import { setTimeout as delay } from 'node:timers/promises'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate as runMigrations } from 'drizzle-orm/node-postgres/migrator'
import { Client, type ClientConfig } from 'pg'
import { FeishuSupervisorError } from '../../core/errors.ts'
import { codeOf, toStoreError, unavailable } from '../database/retryable.ts'

/** Key of the advisory lock: a number that no other program uses. All installations in one database share the lock. */
const LOCK_KEY = 7_034_261_058

/** Longest time of a migration statement, and longest wait for another instance's migration. */
const MIGRATION_TIMEOUT_MS = 60_000

/**
 * Table of the migrations. It is not drizzle's default, because the host may keep its own migrations in the same
 * database.
 */
const MIGRATIONS_TABLE = 'feishu_migrations'

/** SQLSTATE duplicate_table. */
const TABLE_EXISTS = '42P07'

/**
 * Brings the schema up to date, one instance at a time: drizzle's migrator alone fails when two run at once. The lock
 * belongs to a separate session, so it always ends with this call. Rejects with `CONFIG_INVALID` when tables of the
 * same names exist already.
 */
export async function migrate(config: ClientConfig, migrationsDir: string): Promise<void> {
  const client = new Client({
    ...config,
    statement_timeout: MIGRATION_TIMEOUT_MS,
    query_timeout: MIGRATION_TIMEOUT_MS + 1_000,
  })
  client.on('error', () => {})
  try {
    await client.connect().catch((thrown: unknown) => {
      throw unavailable(thrown, 'connecting')
    })
    await client.query('select pg_advisory_lock($1)', [LOCK_KEY])
    const { rows } = await client.query<{ schema: string | null }>('select current_schema() as schema')
    // If the URL selects a schema, the migrations table is in that schema too.
    const migrationsSchema = rows[0]?.schema ?? 'public'
    const migrationsTable = MIGRATIONS_TABLE
    await runMigrations(drizzle(client), { migrationsFolder: migrationsDir, migrationsSchema, migrationsTable })
  } catch (thrown) {
    if (codeOf(thrown) === TABLE_EXISTS) throw foreignTables(thrown)
    throw toStoreError(thrown, 'migrating the schema')
  } finally {
    // A dead network does not answer the end of the session either.
    await Promise.race([client.end().catch(() => {}), delay(1_000, undefined, { ref: false })])
  }
}

/** Error for tables that exist already and are not of this package, for example the host's own `feishu_bots`. */
function foreignTables(cause: unknown): FeishuSupervisorError {
  return new FeishuSupervisorError(
    'CONFIG_INVALID',
    'databaseUrl (FS_DATABASE_URL): there are tables of the same names that are not ours; give it a database of its ' +
      'own, or a schema: create schema feishu_supervisor, and end the URL with ?options=-csearch_path%3Dfeishu_supervisor',
    { cause },
  )
}
