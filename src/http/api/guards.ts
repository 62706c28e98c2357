import type { MiddlewareHandler } from 'hono'
import { RequestRefused } from './problem.ts'
import { readBytes } from './read-bytes.ts'

/** Largest body, bytes. It is far above any real body of this API. Webhooks have their own limit. */
const MAX_BODY_BYTES = 65_536

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Headers of data answers. The status page has its own policy. */
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
 * Refuses requests for unknown host names, which stops DNS rebinding: a foreign name that was made to point here. Also
 * refuses changes from a page of another origin.
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

/** Longest time for a body, milliseconds. It is short because a client has such a small body ready. */
const BODY_TIMEOUT_MS = 3_000

/** Limits the size of request bodies and the time to read them. */
export const smallBodies: MiddlewareHandler = async (c, next) => {
  const { url, method, headers } = c.req.raw
  if (!SAFE_METHODS.has(method)) {
    const body = await readBytes(c.req.raw, MAX_BODY_BYTES, BODY_TIMEOUT_MS)
    // The request itself is not copied: the `Request` constructor may not accept the object of a server.
    c.req.raw = new Request(url, { method, headers, ...(body.length === 0 ? {} : { body }) })
  }
  await next()
}

/** Removes the port: `[::1]:3400` becomes `[::1]`. */
function nameOf(host: string): string {
  return host.replace(/:\d+$/, '').toLowerCase()
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined
}
