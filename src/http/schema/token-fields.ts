import { z } from '@hono/zod-openapi'
import { SCOPES } from '../../protocol/model/access.ts'
import { botFields } from './bot-schema.ts'

/** The fields of an API token as users give them, in the API and on the handle. */
export const tokenFields = {
  /** The user it speaks for, who sees the bots of that owner. */
  owner: botFields.owner.unwrap(),
  /** An admin sees the bots of all users, tokens and the audit log. Default `user`. */
  role: z.enum(['admin', 'user']).default('user'),
  /** `write` for everything that changes something. Default both. */
  scopes: z.array(z.enum(SCOPES)).min(1).default(['read', 'write']),
  /** What it is for. Default empty. */
  name: z.string().max(100).default(''),
  /** Null: it does not expire. Default 90. */
  expiresInDays: z.number().positive().max(3650).nullable().default(90),
}
