import type { BackoffPolicy } from '../core/time/backoff.ts'
import type { HandlingOptions } from '../protocol/options/handling-options.ts'

/** Options that users set. The caller handles `leaseMs`. */
export type GivenOptions = Omit<HandlingOptions, 'leaseMs'>

/** Options that users do not set. All durations are in milliseconds. */
export interface FixedOptions {
  /** Longest time to load a handler at start. Default 30 000. */
  readonly probeTimeoutMs: number
  /** Largest payload in bytes, named in error texts. The bot worker does the measuring. Default 1 MiB. */
  readonly maxPayloadBytes: number
  /** Time between two searches for finished events older than `retentionMs`. Default 10 min. */
  readonly retentionEveryMs: number
  /**
   * Time from the arrival of a card action to its answer. The answer is a toast if the handler is not ready.
   * Feishu allows 3 s in all. Default 2 300.
   */
  readonly cardAnswerMs: number
  /** Time after which a send without an answer counts as failed. Longer than the sender's own limit. Default 60 000. */
  readonly sendTimeoutMs: number
  /** Most busy chats of one bot at a time. Most of them wait for Feishu to take a reply. Default 64. */
  readonly lanesPerBot: number
  /** Longest time between two claims when nothing woke the claim loop. Default 5 000. */
  readonly pollMs: number
  /** Waits between tries while the store cannot be reached. Default 100 ms, doubled up to 5 s. */
  readonly storeBackoff: BackoffPolicy
  /** Most rows of one transaction. Default 200. */
  readonly maxBatch: number
  /**
   * Most events of all bots that may wait for storage. Further events are refused. Default 8 192: a flooding bot
   * reaches its own credit window first.
   */
  readonly maxWaiting: number
}

export interface MessagesOptions extends GivenOptions, FixedOptions {}

export const FIXED_OPTIONS = {
  probeTimeoutMs: 30_000,
  maxPayloadBytes: 1_048_576,
  retentionEveryMs: 600_000,
  cardAnswerMs: 2_300,
  sendTimeoutMs: 60_000,
  lanesPerBot: 64,
  pollMs: 5_000,
  storeBackoff: { firstMs: 100, maxMs: 5_000, factor: 2, jitter: 0.2 },
  maxBatch: 200,
  maxWaiting: 8_192,
} as const satisfies FixedOptions
