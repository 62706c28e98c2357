import { availableParallelism } from 'node:os'
import type { BackoffPolicy } from '../core/backoff.ts'

/** How messages are handled; all durations in milliseconds. */
export interface MessagesOptions {
  /** Threads of the chat pool. Default: one less than the processors, 1 to 8. */
  readonly threads: number
  /** A pool thread that uses more memory, heap and Buffers together, is replaced; V8's own limit is three times as high. Default 256. */
  readonly threadMemoryMb: number
  /** A pool thread is replaced after so many runs. Default 10 000. */
  readonly threadMaxTasks: number
  /** Limit of one run of a handler, counted from its dispatch; then its thread is replaced. Default 60 000. */
  readonly handlerTimeoutMs: number
  /** Limit of loading the handler at start. Default 30 000. */
  readonly probeTimeoutMs: number
  /** Runs of a handler before its message becomes a dead letter. Default 5. */
  readonly maxAttempts: number
  /** Waits between runs. Default 1 s x2 to 5 min. */
  readonly backoff: BackoffPolicy
  /** Sends of a reply before it becomes a dead letter; one that did not reach Feishu does not count. The default keeps trying for about an hour. Default 70. */
  readonly maxReplyAttempts: number
  /** Waits between sends. Default 500 ms x2 to 60 s. */
  readonly replyBackoff: BackoffPolicy
  /** Messages that may go to one chat in any second, from all bots together. Default 5, Feishu's limit. */
  readonly repliesPerChatPerSecond: number
  /** Messages that one bot may send in any second. Default 50, Feishu's limit. */
  readonly repliesPerBotPerSecond: number
  /** A message older than this at its first run becomes a dead letter; 0: never. Default 12 h: Feishu's last redelivery comes after about 7 h. */
  readonly maxAgeMs: number
  /** Events of one bot that may begin per second in the long run; more are stored and begin later. Default 50. */
  readonly inboundPerSecond: number
  /** Events above that which begin at once. Default 200. */
  readonly inboundBurst: number
  /** Named where an event is too large; the bot worker measures. Default 1 MiB. */
  readonly maxPayloadBytes: number
  /** Finished events are kept for so long. Default 24 h. */
  readonly retentionMs: number
  /** Older ones are looked for this often. Default 10 min. */
  readonly retentionEveryMs: number
  /** A card is answered by then, with a toast if the handler is not ready; Feishu allows 3 s in all. Default 2 300. */
  readonly cardAnswerMs: number
  /** That toast's text. Default `Working on it…`. */
  readonly cardPendingText: string
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

export const MESSAGES_DEFAULTS = {
  threads: Math.max(1, Math.min(8, availableParallelism() - 1)),
  threadMemoryMb: 256,
  threadMaxTasks: 10_000,
  handlerTimeoutMs: 60_000,
  probeTimeoutMs: 30_000,
  maxAttempts: 5,
  backoff: { firstMs: 1_000, maxMs: 300_000, factor: 2, jitter: 0.2 },
  maxReplyAttempts: 70,
  replyBackoff: { firstMs: 500, maxMs: 60_000, factor: 2, jitter: 0.2 },
  repliesPerChatPerSecond: 5,
  repliesPerBotPerSecond: 50,
  maxAgeMs: 43_200_000,
  inboundPerSecond: 50,
  inboundBurst: 200,
  maxPayloadBytes: 1_048_576,
  retentionMs: 86_400_000,
  retentionEveryMs: 600_000,
  cardAnswerMs: 2_300,
  cardPendingText: 'Working on it…',
  sendTimeoutMs: 60_000,
  lanesPerBot: 64,
  pollMs: 5_000,
  storeBackoff: { firstMs: 100, maxMs: 5_000, factor: 2, jitter: 0.2 },
  maxBatch: 200,
  maxWaiting: 8_192,
} as const satisfies MessagesOptions
