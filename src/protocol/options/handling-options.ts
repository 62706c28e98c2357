import type { AnswerPolicy, BotPolicy } from '../model/bot-settings.ts'
import type { BackoffOptions } from './backoff-options.ts'
import type { Resolved } from './resolved.ts'

/** How messages are handled and answered. */
export interface MessageHandlingOptions {
  /**
   * How many handlers may run at a time in the chat pool, 1 to 16 384; no more than `threads` times `runsPerThread`. A
   * bot may use all of it, but each other bot can always begin one message at once. So keep it above the number of
   * bots. A sixteenth is kept for presses on cards, if a handler answers them. Default: 1 024.
   */
  readonly concurrency?: number | undefined
  /** Threads of the chat pool, 1 to 64. Each has many runs. Default: as many as processors, but 2 to 8. */
  readonly threads?: number | undefined
  /** Most runs at a time in one thread of the pool, 1 to 4 096. Default: 512. */
  readonly runsPerThread?: number | undefined
  /**
   * Memory limit of one thread of the pool, heap and Buffers together, in megabytes, 32 to 16 384. A thread above it
   * is replaced. V8's own limit is three times as high. Default: 256 MB.
   */
  readonly threadMemoryMb?: number | undefined
  /** A thread of the pool is replaced after this many runs; runs that are under way end in it. Default: 10 000. */
  readonly threadMaxTasks?: number | undefined
  /**
   * Time limit of one run of a handler, from the moment it is handed over. Then the run is given up and the message is
   * tried again. Default: 60 000 ms.
   */
  readonly handlerTimeoutMs?: number | undefined
  /**
   * A thread of the pool whose code does not let go of it for this long is ended, at least 100. The run that blocked it
   * is tried again alone; the others begin again and count no attempt. Runs that block it by turns have six times as
   * long. Default: 10 000 ms.
   */
  readonly handlerHangMs?: number | undefined
  /**
   * How many handlers may run on your own thread at a time, 1 to 4 096. A run that is given up counts until it ends.
   * Default: 256.
   */
  readonly hostRuns?: number | undefined
  /** Runs of the handler before a message becomes a dead letter. Default: 5. */
  readonly maxAttempts?: number | undefined
  /** Waits between the runs. Default: `firstMs` 1 000, `maxMs` 300 000, `factor` 2, `jitter` 0.2. */
  readonly backoff?: BackoffOptions | undefined
  /** Attempts to send a reply before it becomes a dead letter; with the default waits about an hour. Default: 70. */
  readonly maxReplyAttempts?: number | undefined
  /** Waits between the attempts to send. Default: `firstMs` 500, `maxMs` 60 000, `factor` 2, `jitter` 0.2. */
  readonly replyBackoff?: BackoffOptions | undefined
  /** Messages that may go to one chat in any second, from all bots together. Feishu allows 5. Default: 5 per second. */
  readonly repliesPerChatPerSecond?: number | undefined
  /** Messages that one bot may send in any second. Feishu allows 50. Default: 50 per second. */
  readonly repliesPerSecond?: number | undefined
  /**
   * A message older than this at its first run becomes a dead letter instead; 0: never. The default is above the 7 h
   * after which Feishu sends a message for the last time. Default: 43 200 000 ms (12 h).
   */
  readonly maxAgeMs?: number | undefined
  /** Events of one bot that may begin per second in the long run; more are stored and begin later. Default: 50 per second. */
  readonly inboundPerSecond?: number | undefined
  /** Events of one bot above that rate that may begin at once. Default: 200. */
  readonly inboundBurst?: number | undefined
  /** Which messages are answered, by bots that set nothing else (`addBot({ policy })`). */
  readonly policy?: BotPolicy | undefined
  /**
   * How long finished events are kept; dead letters stay. At least 24 h: Feishu sends an event again for about 7 h,
   * and it must be known then. Default: 86 400 000 ms (24 h).
   */
  readonly retentionMs?: number | undefined
  /** Text that a user sees after pressing a card when the handler takes longer than Feishu waits. Default: `Working on it…`. */
  readonly cardPendingText?: string | undefined
  /** How long the claims of this instance stay valid if it dies without a word; at least 1 000. Default: 15 000 ms. */
  readonly leaseMs?: number | undefined
}

export type HandlingOptions = Resolved<Omit<MessageHandlingOptions, 'policy'>> & { readonly policy: AnswerPolicy }
