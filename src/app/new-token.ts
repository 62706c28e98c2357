import { z } from 'zod'
import { validated } from '../core/validated.ts'
import { tokenFields } from '../http/schema/token-fields.ts'
import type { NewApiToken } from '../protocol/model/access.ts'

const schema = z.strictObject(tokenFields)

export type NewTokenOptions = z.input<typeof schema>

const DAY_MS = 86_400_000

/** Throws `CONFIG_INVALID` with one line per mistake. */
export function resolveNewToken(token: NewTokenOptions): NewApiToken {
  const { expiresInDays, ...rest } = validated(schema.safeParse(token))
  return { ...rest, expiresInMs: expiresInDays === null ? null : expiresInDays * DAY_MS }
}
