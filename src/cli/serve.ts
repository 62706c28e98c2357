import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { FeishuSupervisorError } from '../core/errors.ts'

export interface HttpServer {
  /** URL with the bound port. */
  readonly url: string
  close(): Promise<void>
}

/** Limits of a request, milliseconds and bytes. They limit only the time to send it: an answer may take longer, an event stream has no limit. */
export const SERVER_LIMITS = {
  headersTimeout: 3_000,
  requestTimeout: 3_500,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 500,
  maxHeaderSize: 16_384,
}

const MAX_SOCKETS = 2_000

/** Serves a fetch handler over HTTP. Rejects with `PORT_UNAVAILABLE`, naming the variable to change. */
export async function serve(
  fetch: (request: Request) => Response | Promise<Response>,
  { host, port }: { readonly host: string; readonly port: number },
  limits: typeof SERVER_LIMITS = SERVER_LIMITS,
): Promise<HttpServer> {
  // Otherwise Hono's server replaces the global Request and Response of the process.
  const server = createAdaptorServer({ fetch, overrideGlobalObjects: false, serverOptions: limits })
  if ('maxConnections' in server) server.maxConnections = MAX_SOCKETS
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'EADDRINUSE' ? 'is used by another process' : `cannot be opened (${cause.code})`
      reject(
        new FeishuSupervisorError(
          'PORT_UNAVAILABLE',
          `port ${port} of ${host} ${why}: set FS_PORT, or 0 for any free port`,
          {
            cause,
          },
        ),
      )
    })
    server.listen(port, host, resolve)
  })
  const { address, family, port: bound } = server.address() as AddressInfo
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        if ('closeAllConnections' in server) server.closeAllConnections()
      }),
  }
}
