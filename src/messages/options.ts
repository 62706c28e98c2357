import type { BackoffPolicy } from '../core/time/backoff.ts'
import type { HandlingOptions } from '../protocol/options/handling-options.ts'

/** What users set; the lease is the caller's business. */
export type GivenOptions = Omit<HandlingOptions, 'leaseMs'>

/** What they do not set; all durations in milliseconds. */
export interface FixedOptions {
  /** Limit of loading the handler at start. Default 30 000. */
  readonly probeTimeoutMs: number
  /** Named where an event is too large; the bot worker measures. Default 1 MiB. */
  readonly maxPayloadBytes: number
  /** Finished events older than `retentionMs` are looked for this often. Default 10 min. */
  readonly retentionEveryMs: number
  /** A card is answered by then, with a toast if the handler is not ready; Feishu allows 3 s in all. Default 2 300. */
  readonly cardAnswerMs: number
  /** A send without an answer counts as failed by then; longer than the sender's own limit. Default 60 000. */
  readonly sendTimeoutMs: number
  /** Chats of one bot that may be busy at a time, most of them waiting for Feishu to take a reply. Default 64. */
  readonly lanesPerBot: number
  /** The inbox is looked at this often even if nothing called for it. Default 5 000. */
  readonly pollMs: number
  /** Waits while the store cannot be reached. Default 100 ms x2 to 5 s. */
  readonly storeBackoff: BackoffPolicy
  /** Rows of one transaction. Default 200. */
  readonly maxBatch: number
  /** Events that may wait for storage, over all bots; more are refused. Default 8 192: a flooding bot meets its own credit window first. */
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
