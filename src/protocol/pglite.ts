import type { MessagePort } from 'node:worker_threads'
import type { ErrorRecord } from '../core/errors.ts'

/**
 * workerData of the PGlite thread. Each database connection has its own port. The port carries the PostgreSQL protocol
 * as Uint8Arrays of whole frames. Closing the port ends the connection.
 */
export interface PgliteBoot {
  readonly dataDir: string
}

export type PgliteOrder =
  /** PGlite has one session: a new connection ends the one before and starts with a clean session. */
  { readonly kind: 'connect'; readonly port: MessagePort } | { readonly kind: 'close' }

export type PgliteNotice =
  | { readonly kind: 'ready' }
  /** The database could not start, and the thread ends. */
  | { readonly kind: 'failed'; readonly error: ErrorRecord }

/**
 * Settings of every database session. Planning an inbox statement takes longer than running it, so each statement is
 * planned once per connection, perhaps while the tables are empty. Every access has its index: a plan that reads a whole
 * table is never right.
 */
export const SESSION_SETTINGS = [
  'plan_cache_mode=force_generic_plan',
  'enable_seqscan=off',
  'enable_hashjoin=off',
  'enable_mergejoin=off',
  'jit=off',
] as const
