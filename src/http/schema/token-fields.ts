import { z } from '@hono/zod-openapi'
import { SCOPES } from '../../protocol/model/access.ts'
import { botFields } from './bot-schema.ts'

/** Fields of a new API token in the API and on the handle. `NewTokenOptions` documents them. */
export const tokenFields = {
  owner: botFields.owner.unwrap(),
  role: z.enum(['admin', 'user']).default('user'),
  scopes: z.array(z.enum(SCOPES)).min(1).default(['read', 'write']),
  name: z.string().max(100).default(''),
  expiresInDays: z.number().positive().max(3650).nullable().default(90),
}
