import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { FeishuSupervisor } from '../app/feishu-supervisor.ts'
import { API_PREFIX } from '../http/routes.ts'
import { routeContext } from './route-context.ts'

/** What Express and Fastify (through middie) have in common. */
export interface MiddlewareHost {
  use(middleware: (request: IncomingMessage, response: ServerResponse, next: () => void) => void): unknown
}

/** Served at the root of a server of our own; in somebody else's they are under our path. */
const ROOT_ROUTES = ['/healthz', '/readyz', '/metrics']

export interface MountedRoutes {
  /** Ends what is still being answered: streams of events, that never end by themselves. */
  close(): void
}

/**
 * Mounts the HTTP API before the host's body parsers, because signatures of webhooks are over the raw bytes.
 * `path` is asked at every request: hosts set their global prefix after their modules are created.
 */
export function mountRoutes(host: MiddlewareHost, supervisor: FeishuSupervisor, path: () => string): MountedRoutes {
  const open = new Set<ServerResponse>()
  const listener = getRequestListener(
    (request, { incoming, outgoing }) =>
      supervisor.fetch(request, routeContext(incoming as IncomingMessage, outgoing as ServerResponse)),
    // Hono would replace the global Request and Response of the host otherwise.
    { overrideGlobalObjects: false },
  )
  host.use((request, response, next) => {
    const url = ownUrl(originalUrl(request), path())
    if (url === undefined) return next()
    open.add(response)
    response.once('close', () => open.delete(response))
    request.url = url
    void listener(request, response)
  })
  return {
    close() {
      for (const response of open) response.destroy()
    },
  }
}

/** Express and middie take the path a middleware is mounted at from `url`. */
function originalUrl(request: IncomingMessage & { readonly originalUrl?: string }): string {
  return request.originalUrl ?? request.url ?? '/'
}

/** The URL as our routes know it; undefined when it belongs to the host. Pure. */
export function ownUrl(url: string, path: string): string | undefined {
  const end = url.search(/\?|$/)
  const pathname = url.slice(0, end)
  if (pathname !== path && !pathname.startsWith(`${path}/`)) return undefined
  const rest = pathname.slice(path.length)
  return (ROOT_ROUTES.includes(rest) ? rest : `${API_PREFIX}${rest}`) + url.slice(end)
}
