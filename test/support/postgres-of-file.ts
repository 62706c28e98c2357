import { afterAll, describe } from 'vitest'
import { providePostgres, type TestPostgres } from './postgres.ts'

/** A database for the tests of one file. Without PostgreSQL `describePostgres` skips, and `postgres` has no fields. */
export async function postgresOfFile(provide: typeof providePostgres = providePostgres): Promise<{
  readonly postgres: TestPostgres
  readonly isThere: boolean
  readonly describePostgres: typeof describe.skip
}> {
  const provided = await provide()
  const isThere = 'url' in provided
  afterAll(async () => {
    if (isThere) await provided.drop()
  })
  return { postgres: provided as TestPostgres, isThere, describePostgres: isThere ? describe : describe.skip }
}
