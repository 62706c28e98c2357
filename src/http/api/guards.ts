import type { MiddlewareHandler } from 'hono'
import { RequestRefused } from './problem.ts'
import { readBytes } from './read-bytes.ts'

/** Far above any body of this API; webhooks have a limit of their own. */
const MAX_BODY_BYTES = 65_536

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])

/** For answers that are data; the status page has a policy of its own. */
const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
}

export const securityHeaders: MiddlewareHandler = async (c, next) => {
  await next()
  for (const [name, value] of Object.entries(HEADERS)) if (!c.res.headers.has(name)) c.res.headers.set(name, value)
}

/**
 * Only names that are known may be asked for: a page whose name was made to point here (DNS rebinding) is stopped.
 * A page of another origin may change nothing.
 */
export function knownHosts(allowedHosts: readonly string[] | undefined): MiddlewareHandler {
  return async (c, next) => {
    const host = c.req.header('host') ?? new URL(c.req.url).host
    if (allowedHosts !== undefined && !allowedHosts.includes(nameOf(host))) {
      throw new RequestRefused(
        421,
        `Host: ${nameOf(host)} is not known here: the operator can add it to FS_ALLOWED_HOSTS`,
      )
    }
    const origin = c.req.header('origin')
    if (origin !== undefined && !SAFE_METHODS.has(c.req.method) && hostOf(origin) !== host) {
      throw new RequestRefused(403, 'Origin: a page of another origin may change nothing here')
    }
    await next()
  }
}

/** Whoever sends such a body has it at hand. */
const BODY_TIMEOUT_MS = 3_000

/** No more of a body than any order has is read, and for no longer than that takes. */
export const smallBodies: MiddlewareHandler = async (c, next) => {
  const { url, method, headers } = c.req.raw
  if (!SAFE_METHODS.has(method)) {
    const body = await readBytes(c.req.raw, MAX_BODY_BYTES, BODY_TIMEOUT_MS)
    // Not a copy of the request itself: that of a server need not be one that `Request` can read.
    c.req.raw = new Request(url, { method, headers, ...(body.length === 0 ? {} : { body }) })
  }
  await next()
}

/** Without the port: `[::1]:3400` is `[::1]`. */
function nameOf(host: string): string {
  return host.replace(/:\d+$/, '').toLowerCase()
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined
}
