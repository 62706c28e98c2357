import { z } from 'zod'
import type { BackoffPolicy } from '../core/time/backoff.ts'
import type { BackoffOptions } from '../protocol/options/backoff-options.ts'
import type { Difference, Nothing } from './same.ts'

/** Duration in milliseconds, up to the longest that a timer of Node can wait. */
export const ms = z.int().min(0).max(2_147_483_647)

export const count = z.int().min(1)

export const backoff = (defaults: BackoffPolicy) =>
  z
    .strictObject({
      firstMs: ms.default(defaults.firstMs),
      maxMs: ms.default(defaults.maxMs),
      factor: z.number().min(1).max(10).default(defaults.factor),
      jitter: z.number().min(0).max(1).default(defaults.jitter),
    })
    .prefault({})

type Given = NonNullable<z.input<ReturnType<typeof backoff>>>
export type BackoffIsDocumented = Nothing<Difference<Given, BackoffOptions>>
