import { sharePostgres } from './postgres.ts'

/** One PostgreSQL server for the whole run; each test file makes a database of its own there. */
export default async function setup(): Promise<() => Promise<void>> {
  return await sharePostgres()
}
