import type { MessagePort } from 'node:worker_threads'
import type { ErrorRecord } from '../core/errors.ts'

/**
 * Between the store and the PGlite thread. Each database connection has a port of its own that
 * carries the PostgreSQL protocol as Uint8Arrays, whole frames each; closing the port ends it.
 */
export interface PgliteBoot {
  readonly dataDir: string
}

export type PgliteOrder =
  /** PGlite is one session: a new connection ends the one before and starts with a clean session. */
  { readonly kind: 'connect'; readonly port: MessagePort } | { readonly kind: 'close' }

export type PgliteNotice =
  | { readonly kind: 'ready' }
  /** It could not start, and the thread ends. */
  | { readonly kind: 'failed'; readonly error: ErrorRecord }
