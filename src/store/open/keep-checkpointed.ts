import type { Queries, Statement } from '../database/database.ts'

export interface CheckpointLimits {
  /** How often the size of the log is looked at, in milliseconds. */
  readonly lookEveryMs: number
  /** Growth of the log after which a checkpoint follows, in bytes. */
  readonly mostBytes: number
  /** Time after which a checkpoint follows if the log has grown at all, in milliseconds. */
  readonly mostMs: number
}

export const CHECKPOINT_LIMITS: CheckpointLimits = {
  lookEveryMs: 10_000,
  mostBytes: 64 * 1_048_576,
  mostMs: 5 * 60_000,
}

/** Less than this is what a checkpoint and a vacuum without work write themselves. */
const LEAST_BYTES = 65_536

const SIZE: Statement = {
  name: 'feishu_wal_size',
  text: "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 as bytes",
}
const CHECKPOINT: Statement = { name: '', text: 'checkpoint' }

/**
 * Makes checkpoints, as a server does in the background. PGlite makes none until it is closed, and `max_wal_size` does
 * nothing there: without checkpoints the log grows for as long as the process runs, and a start after a kill replays
 * all of it. Returns a function that stops the checkpoints.
 */
export function keepCheckpointed(database: Queries, limits: CheckpointLimits = CHECKPOINT_LIMITS): () => void {
  const { lookEveryMs, mostBytes, mostMs } = limits
  let last: { readonly bytes: number; readonly at: number } | undefined
  let isLooking = false
  async function look(): Promise<void> {
    const bytes = await size(database)
    const now = performance.now()
    // Opening the database has made a checkpoint.
    last ??= { bytes, at: now }
    const grown = bytes - last.bytes
    if (grown < mostBytes && (grown < LEAST_BYTES || now - last.at < mostMs)) return
    await database.query(CHECKPOINT, [], 'a checkpoint')
    last = { bytes: await size(database), at: now }
  }
  const timer = setInterval(() => {
    if (isLooking) return
    isLooking = true
    // A failure of the database shows in other statements too. The next interval looks again.
    look()
      .catch(() => {})
      .finally(() => {
        isLooking = false
      })
  }, lookEveryMs)
  timer.unref()
  return () => clearInterval(timer)
}

async function size(database: Queries): Promise<number> {
  const [row] = await database.query<{ bytes: number }>(SIZE, [], 'the size of the log')
  return row?.bytes ?? 0
}
