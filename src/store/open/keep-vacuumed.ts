import type { Queries, Statement } from '../database/database.ts'

const VACUUM: Statement = { name: 'feishu_vacuum', text: 'vacuum feishu_lanes, feishu_inbox, feishu_outbox' }

/**
 * Does what autovacuum does on a server: PGlite has no background processes, and without it every
 * finished event makes the next claim of its lane a little slower. Pages without changes are skipped,
 * so it takes milliseconds. Returns the function that ends it.
 */
export function keepVacuumed(database: Queries, everyMs: number): () => void {
  const timer = setInterval(() => {
    // Whatever is wrong shows in the statements that matter; this one has a next time.
    database.query(VACUUM, [], 'vacuuming').catch(() => {})
  }, everyMs)
  timer.unref()
  return () => clearInterval(timer)
}
