import { setTimeout as delay } from 'node:timers/promises'
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import {
  Pool,
  types as pgTypes,
  type CustomTypesConfig,
  type PoolClient,
  type PoolConfig,
  type QueryResultRow,
} from 'pg'
import { meaningOf, toStoreError, unavailable } from './retryable.ts'

/** A statement that is sent often. Each connection prepares and plans it once, by name. Each run is one round trip. */
export interface Statement {
  readonly name: string
  readonly text: string
}

/** The part of a database that statements need. */
export interface Queries {
  /** Runs one statement. `doing` completes the sentence "the database is unavailable while ...". */
  query<Row extends QueryResultRow>(statement: Statement, values: readonly unknown[], doing: string): Promise<Row[]>
}

/** Lifetime of a connection. A new connection plans statements again, because tables may have grown meanwhile. */
const MAX_LIFETIME_SECONDS = 600

const CONFLICT_TRIES = 5

/** Reads int8 as a number: ids stay far below 2^53. */
const types: CustomTypesConfig = {
  getTypeParser: (...[oid, format]: Parameters<CustomTypesConfig['getTypeParser']>) =>
    oid === pgTypes.builtins.INT8 ? Number : pgTypes.getTypeParser(oid, format),
}

/**
 * Connection pool that turns failures of the database into errors of this package.
 *
 * No failure of the database becomes an uncaughtException: the pool and every connection have an error listener, even
 * a connection that is checked out. The error reaches the caller of the statement.
 */
export class Database implements Queries {
  readonly #pool: Pool
  #closing: Promise<void> | undefined

  constructor(config: PoolConfig) {
    this.#pool = new Pool({ maxLifetimeSeconds: MAX_LIFETIME_SECONDS, ...config, types })
    this.#pool.on('error', ignore)
    this.#pool.on('connect', (client) => client.on('error', ignore))
  }

  query<Row extends QueryResultRow>(statement: Statement, values: readonly unknown[], doing: string): Promise<Row[]> {
    return this.#use(doing, async (client) => (await client.query<Row>({ ...statement, values: [...values] })).rows)
  }

  /** Runs a statement that is built with drizzle. For statements that are sent rarely. */
  build<T>(work: (db: NodePgDatabase) => PromiseLike<T>, doing: string): Promise<T> {
    return this.#use(doing, (client) => work(drizzle(client)))
  }

  close(): Promise<void> {
    this.#closing ??= this.#pool.end()
    return this.#closing
  }

  /** Runs `work` on a connection. Each run is atomic, so it may run again after a conflict with another statement. */
  async #use<T>(doing: string, work: (client: PoolClient) => PromiseLike<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const client = await this.#pool.connect().catch((thrown: unknown) => {
        throw unavailable(thrown, doing)
      })
      try {
        const result = await work(client)
        client.release()
        return result
      } catch (thrown) {
        const meaning = meaningOf(thrown)
        // After a timeout the answer may still arrive. Only a new connection is in a known state.
        client.release(meaning === 'unavailable')
        if (meaning !== 'conflict' || attempt === CONFLICT_TRIES) throw toStoreError(thrown, doing)
        await delay(Math.random() * 10 * 2 ** attempt)
      }
    }
  }
}

function ignore(): void {}
