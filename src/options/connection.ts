import { z } from 'zod'
import type { ConnectionOptions } from '../protocol/options/connection-options.ts'
import { backoff, count, ms } from './fields.ts'
import type { Difference, Nothing } from './same.ts'

const fields = z.strictObject({
  attemptTimeoutMs: ms.default(20_000),
  backoff: backoff({ firstMs: 1_000, maxMs: 60_000, factor: 2, jitter: 0.2 }),
  fastAttempts: count.default(5),
  giveUp: z.boolean().default(false),
  serverErrorDelayMs: ms.default(30_000),
  limitDelayMs: ms.default(300_000),
  credentialsDelayMs: ms.default(1_800_000),
  stableAfterMs: ms.default(10_000),
  pongTimeoutMs: ms.min(1).default(15_000),
  minPingIntervalMs: ms.min(10).default(1_000),
  maxPingIntervalMs: ms.min(10).default(120_000),
  presenceCheckMs: ms.default(300_000),
  rotateEveryMs: ms.default(0),
  proxy: z
    .url({ protocol: /^https?$/, error: 'expected the URL of an HTTP proxy such as http://proxy.example:3128' })
    .optional(),
  noProxy: z.array(z.string().min(1)).default([]),
  caFile: z.string().min(1).optional(),
  acceptTimeoutMs: ms.max(2_900).default(2_500),
  creditWindow: count.default(512),
  maxPayloadBytes: count.max(67_108_864).default(1_048_576),
  cardFailedText: z.string().min(1).default('This did not work. Please try again.'),
  sendTimeoutMs: ms.min(1).default(10_000),
})

export const connectionSchema = fields.prefault({})

export type ConnectionIsDocumented = Nothing<Difference<z.input<typeof fields>, ConnectionOptions>>
