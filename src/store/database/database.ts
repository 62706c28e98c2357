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

/** A statement sent often: prepared by name once per connection, planned there, and sent in one round trip. */
export interface Statement {
  readonly name: string
  readonly text: string
}

/** What the inbox needs of a database. */
export interface Queries {
  /** Runs one statement; `doing` completes the sentence "the database is unavailable while ...". */
  query<Row extends QueryResultRow>(statement: Statement, values: readonly unknown[], doing: string): Promise<Row[]>
}

/** A new connection plans anew, for tables that have grown meanwhile. */
const MAX_LIFETIME_SECONDS = 600

const CONFLICT_TRIES = 5

/** int8 as a number: ids stay far below 2^53. */
const types: CustomTypesConfig = {
  getTypeParser: (...[oid, format]: Parameters<CustomTypesConfig['getTypeParser']>) =>
    oid === pgTypes.builtins.INT8 ? Number : pgTypes.getTypeParser(oid, format),
}

/**
 * The pool, with its failures turned into ours.
 *
 * Nothing the database does becomes an uncaughtException: the pool and every connection, also one
 * that is checked out, have an error listener; what went wrong reaches the caller of the statement.
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

  /** For statements that are not sent often. */
  build<T>(work: (db: NodePgDatabase) => PromiseLike<T>, doing: string): Promise<T> {
    return this.#use(doing, (client) => work(drizzle(client)))
  }

  close(): Promise<void> {
    this.#closing ??= this.#pool.end()
    return this.#closing
  }

  /** Each run is one statement, hence atomic, so after a conflict with another one it may run again. */
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
        // After a timeout the answer may still arrive: only a new connection is in a known state.
        client.release(meaning === 'unavailable')
        if (meaning !== 'conflict' || attempt === CONFLICT_TRIES) throw toStoreError(thrown, doing)
        await delay(Math.random() * 10 * 2 ** attempt)
      }
    }
  }
}

function ignore(): void {}
