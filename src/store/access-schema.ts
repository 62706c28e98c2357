import { sql } from 'drizzle-orm'
import { bigserial, check, pgTable, text } from 'drizzle-orm/pg-core'
import { instant } from './schema.ts'

/** API tokens. Only the SHA-256 of a token's secret is stored. */
export const apiTokens = pgTable(
  'feishu_api_tokens',
  {
    id: text('id').primaryKey(),
    owner: text('owner').notNull(),
    role: text('role').$type<'admin' | 'user'>().notNull(),
    /** Scopes, separated by spaces. */
    scopes: text('scopes').notNull(),
    name: text('name').notNull(),
    secretHash: text('secret_hash').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
    expiresAt: instant('expires_at'),
    revokedAt: instant('revoked_at'),
  },
  () => [check('feishu_api_tokens_role', sql`role in ('admin', 'user')`)],
)

export const audit = pgTable('feishu_audit', {
  id: bigserial('id', { mode: 'number' }).primaryKey(),
  at: instant('at').notNull().defaultNow(),
  actor: text('actor').notNull(),
  action: text('action').notNull(),
  subject: text('subject').notNull(),
  /** Names of the fields that were given, separated by spaces. */
  fields: text('fields').notNull(),
  error: text('error'),
})
