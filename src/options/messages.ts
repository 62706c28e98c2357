import { availableParallelism } from 'node:os'
import { z } from 'zod'
import type { AnswerPolicy, BotPolicy } from '../protocol/model/bot-settings.ts'
import type { MessageHandlingOptions } from '../protocol/options/handling-options.ts'
import { backoff, count, ms } from './fields.ts'
import { renamed } from './renamed.ts'
import type { Difference, Nothing } from './same.ts'

/** Longest retention: ten years. */
const MAX_RETENTION_MS = 315_360_000_000

/**
 * Default policy. In a group a bot answers only messages that mention it: other messages may be for other members, and
 * depending on the permissions of the bot Feishu sends it every message of the group.
 */
const policy = z
  .strictObject({
    groups: z.enum(['mentioned', 'all', 'none']).default('mentioned'),
    bots: z.enum(['ignore', 'answer']).default('ignore'),
    chats: z.array(z.string().min(1)).optional(),
    users: z.array(z.string().min(1)).optional(),
  })
  .prefault({}) satisfies z.ZodType<AnswerPolicy>

/** Runs of one thread of the pool. */
export const runsPerThread = count.max(4_096)

const fields = z.strictObject(
  {
    concurrency: count.max(16_384).default(1_024),
    threads: count.max(64).default(() => Math.min(8, Math.max(2, availableParallelism()))),
    runsPerThread: runsPerThread.default(512),
    threadMemoryMb: count.min(32).max(16_384).default(256),
    threadMaxTasks: count.default(10_000),
    handlerTimeoutMs: ms.min(1).default(60_000),
    handlerHangMs: ms.min(100).default(10_000),
    hostRuns: count.max(4_096).default(256),
    maxAttempts: count.default(5),
    backoff: backoff({ firstMs: 1_000, maxMs: 300_000, factor: 2, jitter: 0.2 }),
    maxReplyAttempts: count.default(70),
    replyBackoff: backoff({ firstMs: 500, maxMs: 60_000, factor: 2, jitter: 0.2 }),
    repliesPerChatPerSecond: count.default(5),
    repliesPerSecond: count.default(50),
    maxAgeMs: ms.default(43_200_000),
    inboundPerSecond: count.default(50),
    inboundBurst: count.default(200),
    policy,
    retentionMs: z.int().min(86_400_000).max(MAX_RETENTION_MS).default(86_400_000),
    cardPendingText: z.string().min(1).default('Working on it…'),
    leaseMs: ms.min(1_000).default(15_000),
  },
  renamed({ answers: 'policy', repliesPerBotPerSecond: 'repliesPerSecond' }),
)

export const messagesSchema = fields.prefault({})

export type MessagesAreDocumented = [
  Nothing<Difference<z.input<typeof fields>, MessageHandlingOptions>>,
  Nothing<Difference<NonNullable<z.input<typeof policy>>, BotPolicy>>,
]
