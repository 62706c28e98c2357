import { createRoute, OpenAPIHono, type RouteConfig, z } from '@hono/zod-openapi'
import type { MiddlewareHandler } from 'hono'
import { describeIssues } from '../../core/validation.ts'
import type { Principal, Scope } from '../../protocol/model/access.ts'
import type { Authenticate } from './authenticate.ts'
import { RequestRefused } from './problem.ts'
import { RateLimit } from './rate-limit.ts'

/** Variables in the context of every route. */
export interface ApiEnv {
  Variables: { principal: Principal; authenticate: Authenticate; limits: { perToken: RateLimit; perBot: RateLimit } }
}

export type Api = OpenAPIHono<ApiEnv>

/** Permission that a route requires. `public` routes check their callers in another way or show nothing private. */
export type Access = 'public' | Scope | `admin:${Scope}`

const problemSchema = z.object({ success: z.literal(false), error: z.string() }).openapi('Problem')

/** Query parameters of every list. */
export const pageQuery = {
  page: z.coerce.number().int().min(1).max(1_000_000).default(1).openapi({ description: 'From 1.' }),
  limit: z.coerce.number().int().min(1).max(100).default(20).openapi({ description: 'Items per page.' }),
}

type Paging = { readonly [P in keyof typeof pageQuery]: z.infer<(typeof pageQuery)[P]> }

/** Converts a page to `limit` and `offset`. */
export function rangeOf({ page, limit }: Paging): { limit: number; offset: number } {
  return { limit, offset: (page - 1) * limit }
}

/** Cuts a page out of a complete list. */
export function pageFrom<Item>(all: readonly Item[], paging: Paging): Paging & { items: Item[]; total: number } {
  const { limit, offset } = rangeOf(paging)
  return { items: all.slice(offset, offset + limit), ...paging, total: all.length }
}

export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), page: z.number(), limit: z.number(), total: z.number() })
}

export function json<Schema extends z.ZodType>(schema: Schema, description: string) {
  return { description, content: { 'application/json': { schema } } }
}

export function body<Schema extends z.ZodType>(schema: Schema) {
  return { body: { required: true, content: { 'application/json': { schema } } } }
}

export function problem(description: string) {
  return json(problemSchema, description)
}

/** Defines a route with its access. Both the OpenAPI document and the check use `access`. */
export function define<const R extends Omit<RouteConfig, 'security' | 'middleware'> & { path: string }>(
  access: Access,
  config: R,
) {
  const [role, scope] = access.startsWith('admin:') ? ['admin', access.slice('admin:'.length)] : ['user', access]
  const isPublic = access === 'public'
  return createRoute({
    ...config,
    security: isPublic ? [] : [{ bearer: role === 'admin' ? ['admin', scope ?? ''] : [scope ?? ''] }],
    middleware: isPublic ? [] : [requires(role as Principal['role'], scope as Scope)],
  })
}

const PER_TOKEN = { perSecond: 50, burst: 500 }
const PER_BOT = { perSecond: 2, burst: 60 }

function requires(role: Principal['role'], scope: Scope): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const principal = await c.get('authenticate')(c.req.raw, c.env)
    if (principal === null) throw new RequestRefused(401, 'Unauthorized', { 'www-authenticate': 'Bearer' })
    c.set('principal', principal)
    const { perToken, perBot } = c.get('limits')
    perToken.take(principal.id, 'requests of this token')
    const bot = c.req.param('id')
    // Counted per user, so that a stranger cannot use up the limit of the bot's owner.
    if (scope === 'write' && bot !== undefined) perBot.take(`${principal.owner} ${bot}`, 'orders about this bot')
    if (!principal.scopes.includes(scope)) throw new RequestRefused(403, `this token lacks the scope ${scope}`)
    if (role === 'admin' && principal.role !== 'admin') throw new RequestRefused(403, 'only an admin may do this')
    await next()
  }
}

/** Creates the API. Routes of `define` identify the caller with `authenticate`; only `public` routes accept unknown callers. */
export function createApi(authenticate: Authenticate): Api {
  const api = new OpenAPIHono<ApiEnv>({
    strict: false,
    defaultHook: (result) => {
      if (!result.success) throw new RequestRefused(400, describeIssues(result.error, result.target))
    },
  })
  const limits = { perToken: new RateLimit(PER_TOKEN), perBot: new RateLimit(PER_BOT) }
  api.use(async (c, next) => {
    c.set('authenticate', authenticate)
    c.set('limits', limits)
    await next()
  })
  return api
}
