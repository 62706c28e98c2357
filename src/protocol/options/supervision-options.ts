import type { BackoffOptions } from './backoff-options.ts'
import type { Resolved } from './resolved.ts'

/** How bot workers and the supervisor thread are watched and restarted. */
export interface SupervisionOptions {
  /** How many restarts are allowed before a bot is parked. */
  readonly limit?: RestartLimitOptions | undefined
  /**
   * Waits from the second restart in a row; the first restart is immediate.
   * Default: `firstMs` 500, `maxMs` 30 000, `factor` 2, `jitter` 0.2.
   */
  readonly backoff?: BackoffOptions | undefined
  /** A run of this length counts as stable: the next crash starts the backoff anew. Default: 60 000 ms. */
  readonly stableAfterMs?: number | undefined
  /** A worker that is not ready after this time is killed and started again. Default: 15 000 ms. */
  readonly startTimeoutMs?: number | undefined
  /** How often each thread reports that its event loop runs; at least 10. Default: 1 000 ms. */
  readonly heartbeatMs?: number | undefined
  /**
   * A thread that computes this long without a heartbeat is replaced (reason `hung`). At least twice `heartbeatMs`.
   * Default: 10 000 ms.
   */
  readonly hangAfterMs?: number | undefined
  /**
   * Memory limit of one bot worker, heap and Buffers together, in megabytes, 32 to 16 384. A worker above it ends
   * itself (reason `out_of_memory`) and is started again. V8's own limit is three times as high. Default: 128 MB.
   */
  readonly memoryMb?: number | undefined
}

/** How many restarts are allowed before a bot is parked. */
export interface RestartLimitOptions {
  /** More restarts than this within `periodMs` park the bot as failed, until an operator restarts it. Default: 5. */
  readonly intensity?: number | undefined
  /** The period in which restarts are counted. Default: 60 000 ms. */
  readonly periodMs?: number | undefined
}

export type ResolvedSupervisionOptions = Resolved<SupervisionOptions>
