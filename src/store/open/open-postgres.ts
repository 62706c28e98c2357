import { Client, type ClientConfig } from 'pg'
import { FeishuSupervisorError, errorText } from '../../core/errors.ts'
import type { Secret } from '../../core/log/secret.ts'
import { createStore } from './create-store.ts'
import { Database } from '../database/database.ts'
import { migrate } from './migrate.ts'
import { SecretBox } from '../bots/secrets.ts'
import { SESSION_SETTINGS } from '../../protocol/pglite.ts'
import type { Store } from '../store.ts'

export interface OpenPostgresOptions {
  /** URL of the database, `postgres://user:password@host:5432/database`, with the parameters that libpq knows. */
  readonly url: string
  /** Folder with the numbered SQL files and drizzle-kit's meta. */
  readonly migrationsDir: string
  readonly masterKey: Secret
  /** Earlier keys, for secrets that a rotation has not sealed anew yet. Default: none. */
  readonly olderKeys?: readonly Secret[]
  /** Most connections. Default 5. */
  readonly poolSize?: number
  /** Longest wait for a connection, new or from the pool, in milliseconds. Default 5 000. */
  readonly connectTimeoutMs?: number
  /**
   * Time after which the server ends a statement, in milliseconds. One second later the client stops waiting for the
   * answer. Default 5 000.
   */
  readonly statementTimeoutMs?: number
}

/**
 * Opens and migrates a PostgreSQL database. Rejects with `STORE_UNAVAILABLE` (retryable) while the server cannot be
 * used, and with `CONFIG_INVALID` for a URL that can never work.
 */
export async function openPostgres(options: OpenPostgresOptions): Promise<Store> {
  const { url, migrationsDir, masterKey, poolSize = 5, connectTimeoutMs = 5_000, statementTimeoutMs = 5_000 } = options
  refuseBadUrl(url)
  const secrets = new SecretBox(masterKey, ...(options.olderKeys ?? []))
  const connection: ClientConfig = {
    connectionString: url,
    application_name: 'feishu-supervisor',
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
  }
  await migrate(connection, migrationsDir)
  const database = new Database({
    ...connection,
    max: poolSize,
    options: SESSION_SETTINGS.map((setting) => `-c ${setting}`).join(' '),
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + 1_000,
  })
  return createStore('postgres', database, secrets, () => Promise.resolve())
}

/**
 * Throws `CONFIG_INVALID` for a bad URL. Errors of the URL parser contain the password, so only their message is passed
 * on.
 */
function refuseBadUrl(url: string): void {
  try {
    if (!/^postgres(ql)?:$/.test(new URL(url).protocol)) throw new TypeError('the scheme is not postgres')
    // The constructor reads the parameters, and the files that they name, without connecting.
    if (new Client({ connectionString: url }).host === '') throw new TypeError('it names no host')
  } catch (thrown) {
    throw new FeishuSupervisorError(
      'CONFIG_INVALID',
      `the database URL (FS_DATABASE_URL or database.url) cannot be used (${errorText(thrown)}): ` +
        'it has the form postgres://user:password@host:5432/database, special characters of the password percent-encoded',
    )
  }
}
