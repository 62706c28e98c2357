import { z } from 'zod'
import { FeishuSupervisorError } from '../core/errors.ts'
import { tokenFields } from '../http/token-routes.ts'
import { describeIssues } from '../options.ts'
import type { NewApiToken } from '../protocol/access.ts'

const schema = z.strictObject(tokenFields)

export type NewTokenOptions = z.input<typeof schema>

const DAY_MS = 86_400_000

/** Throws `CONFIG_INVALID` with one line per mistake. */
export function resolveNewToken(token: NewTokenOptions): NewApiToken {
  const parsed = schema.safeParse(token)
  if (!parsed.success) throw new FeishuSupervisorError('CONFIG_INVALID', describeIssues(parsed.error))
  const { expiresInDays, ...rest } = parsed.data
  return { ...rest, expiresInMs: expiresInDays === null ? null : expiresInDays * DAY_MS }
}
