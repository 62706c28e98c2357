import { z } from 'zod'
import { validated } from '../core/validated.ts'
import { tokenFields } from '../http/schema/token-fields.ts'
import type { Difference, Nothing } from '../options/same.ts'
import type { NewApiToken, NewTokenOptions } from '../protocol/model/access.ts'

const schema = z.strictObject(tokenFields)

export type TokensAreDocumented = Nothing<Difference<z.input<typeof schema>, NewTokenOptions>>

const DAY_MS = 86_400_000

/** Throws `CONFIG_INVALID` with one line per mistake. */
export function resolveNewToken(token: NewTokenOptions): NewApiToken {
  const { expiresInDays, ...rest } = validated(schema.safeParse(token))
  return { ...rest, expiresInMs: expiresInDays === null ? null : expiresInDays * DAY_MS }
}
