import { totalmem } from 'node:os'
import { z } from 'zod'
import type { DeadLetterLimitOptions, HealthOptions } from '../protocol/options/health-options.ts'
import { ms } from './fields.ts'
import type { Difference, Nothing } from './same.ts'

const deadLetters = z
  .strictObject({ count: z.int().min(0).default(10), periodMs: ms.min(1_000).default(600_000) })
  .prefault({})

const fields = z.strictObject({
  everyMs: ms.min(10).default(10_000),
  memoryMb: z.int().min(0).default(memoryWatermarkMb),
  oldestAgeMs: ms.default(600_000),
  deadLetters,
})

export const healthSchema = fields.prefault({})

export type HealthIsDocumented = [
  Nothing<Difference<z.input<typeof fields>, HealthOptions>>,
  Nothing<Difference<NonNullable<z.input<typeof deadLetters>>, DeadLetterLimitOptions>>,
]

function memoryWatermarkMb(): number {
  // Without a container limit the value is 0 or more than the memory of the machine.
  const bytes = Math.min(process.constrainedMemory() || Infinity, totalmem())
  return Math.round((0.8 * bytes) / 1_048_576)
}
