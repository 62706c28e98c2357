import { z } from '@hono/zod-openapi'
import { type ApiTokenRecord, SCOPES } from '../../protocol/model/access.ts'
import { type Api, body, define, json, pageFrom, pageOf, pageQuery, problem, rangeOf } from '../api/api.ts'
import type { RouteDeps } from '../api/app-view.ts'
import { instant, instantOf, iso } from '../schema/instant.ts'
import { actorOf } from '../api/principal.ts'
import { tokenFields } from '../schema/token-fields.ts'

const tokenSchema = z
  .object({
    id: z.string(),
    owner: z.string(),
    role: z.enum(['admin', 'user']),
    scopes: z.array(z.enum(SCOPES)),
    name: z.string(),
    createdAt: instant,
    expiresAt: instant.optional(),
    revokedAt: instant.optional(),
  })
  .openapi('ApiToken')

const listTokens = define('admin:read', {
  method: 'get',
  path: '/api/feishu/tokens',
  summary: 'API tokens, newest first',
  request: { query: z.strictObject(pageQuery) },
  responses: { 200: json(pageOf(tokenSchema), 'A page of them; their secrets are not stored.') },
})

const createToken = define('admin:write', {
  method: 'post',
  path: '/api/feishu/tokens',
  summary: 'Make an API token',
  request: body(z.strictObject(tokenFields).openapi('NewApiToken')),
  responses: {
    201: json(tokenSchema.extend({ token: z.string() }), 'The token, shown this once.'),
    400: problem('A field is wrong; the text names it.'),
  },
})

const revokeToken = define('admin:write', {
  method: 'delete',
  path: '/api/feishu/tokens/{id}',
  summary: 'Revoke an API token at once',
  request: { params: z.object({ id: z.string() }) },
  responses: {
    200: json(z.object({ success: z.literal(true) }), 'It is refused from now on.'),
    404: problem('There is no such token, or it is revoked already.'),
  },
})

const auditSchema = z
  .object({
    id: z.number(),
    at: instant,
    actor: z.string(),
    action: z.string(),
    subject: z.string(),
    fields: z.array(z.string()),
    error: z.string().optional(),
  })
  .openapi('AuditEntry')

const listAudit = define('admin:read', {
  method: 'get',
  path: '/api/feishu/audit',
  summary: 'What was ordered by whom, newest first',
  request: { query: z.strictObject(pageQuery) },
  responses: { 200: json(pageOf(auditSchema), 'A page of it.') },
})

export function addTokenRoutes(api: Api, { view }: RouteDeps): void {
  api.openapi(listTokens, async (c) => {
    const page = pageFrom(await view.listTokens(), c.req.valid('query'))
    return c.json({ ...page, items: page.items.map(tokenView) }, 200)
  })

  api.openapi(createToken, async (c) => {
    const { record, token } = await view.createToken(c.req.valid('json'), { by: actorOf(c.get('principal')) })
    return c.json({ ...tokenView(record), token }, 201)
  })

  api.openapi(revokeToken, async (c) => {
    await view.revokeToken(c.req.valid('param').id, { by: actorOf(c.get('principal')) })
    return c.json({ success: true as const }, 200)
  })

  api.openapi(listAudit, async (c) => {
    const paging = c.req.valid('query')
    const { items, total } = await view.auditLog(rangeOf(paging))
    const entries = items.map((entry) => ({ ...entry, at: iso(entry.at), fields: [...entry.fields] }))
    return c.json({ items: entries, ...paging, total }, 200)
  })
}

function tokenView({ createdAt, expiresAt, revokedAt, scopes, ...rest }: ApiTokenRecord): z.infer<typeof tokenSchema> {
  return {
    ...rest,
    scopes: [...scopes],
    createdAt: iso(createdAt),
    ...instantOf('expiresAt', expiresAt),
    ...instantOf('revokedAt', revokedAt),
  }
}
