import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { FeishuSupervisor } from '../app/feishu-supervisor.ts'
import { API_PREFIX } from '../http/routes.ts'
import { routeContext } from './route-context.ts'

/** Interface that Express and Fastify (through middie) share. */
export interface MiddlewareHost {
  use(middleware: (request: IncomingMessage, response: ServerResponse, next: () => void) => void): unknown
}

/** Routes at the root of the standalone server. Inside a host they are under the path of the module. */
const ROOT_ROUTES = ['/healthz', '/readyz', '/metrics']

export interface MountedRoutes {
  /** Ends all open responses: event streams never end by themselves. */
  close(): void
}

/**
 * Mounts the HTTP API before the host's body parsers, because webhook signatures are over the raw bytes. `path` is
 * called at every request, because hosts set their global prefix after their modules are created.
 */
export function mountRoutes(host: MiddlewareHost, supervisor: FeishuSupervisor, path: () => string): MountedRoutes {
  const open = new Set<ServerResponse>()
  const listener = getRequestListener(
    (request, { incoming, outgoing }) =>
      supervisor.fetch(request, routeContext(incoming as IncomingMessage, outgoing as ServerResponse)),
    // Otherwise Hono replaces the global Request and Response of the host.
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

/** Reads the full URL: Express and middie remove the mount path of a middleware from `url`. */
function originalUrl(request: IncomingMessage & { readonly originalUrl?: string }): string {
  return request.originalUrl ?? request.url ?? '/'
}

/** Translates a URL of the host to a URL of the API; undefined when the URL belongs to the host. Pure. */
export function ownUrl(url: string, path: string): string | undefined {
  const end = url.search(/\?|$/)
  const pathname = url.slice(0, end)
  if (pathname !== path && !pathname.startsWith(`${path}/`)) return undefined
  const rest = pathname.slice(path.length)
  return (ROOT_ROUTES.includes(rest) ? rest : `${API_PREFIX}${rest}`) + url.slice(end)
}
