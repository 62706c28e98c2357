import { z } from 'zod'
import type { RestartLimitOptions, SupervisionOptions } from '../protocol/options/supervision-options.ts'
import { backoff, count, ms } from './fields.ts'
import type { Difference, Nothing } from './same.ts'

const limit = z.strictObject({ intensity: count.default(5), periodMs: ms.default(60_000) }).prefault({})

const fields = z.strictObject({
  limit,
  backoff: backoff({ firstMs: 500, maxMs: 30_000, factor: 2, jitter: 0.2 }),
  stableAfterMs: ms.default(60_000),
  startTimeoutMs: ms.default(15_000),
  heartbeatMs: ms.min(10).default(1_000),
  hangAfterMs: ms.default(10_000),
  memoryMb: count.min(32).max(16_384).default(128),
})

export const supervisionSchema = fields
  .refine(({ heartbeatMs, hangAfterMs }) => hangAfterMs >= 2 * heartbeatMs, {
    path: ['hangAfterMs'],
    error: 'must be at least twice heartbeatMs',
  })
  .prefault({})

export type SupervisionIsDocumented = [
  Nothing<Difference<z.input<typeof fields>, SupervisionOptions>>,
  Nothing<Difference<NonNullable<z.input<typeof limit>>, RestartLimitOptions>>,
]
