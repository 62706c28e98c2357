import { Hono } from 'hono'
import { bearerAuth } from 'hono/bearer-auth'
import { HTTPException } from 'hono/http-exception'
import type { SupervisorStatus } from '../protocol/status.ts'
import { connectionView, supervisorView } from './status-view.ts'

/** What the routes need of the handle. */
export interface AppView {
  status(): Promise<SupervisorStatus>
}

export interface RoutesOptions {
  /** Failed attempts after which a connection shows `error`. */
  readonly fastAttempts: number
  /** Required as `Authorization: Bearer` for everything but the health routes, if given. */
  readonly apiToken?: string | undefined
}

const PREFIX = '/api/feishu'

/** The HTTP face: a fetch handler that needs no server of its own. */
export function createRoutes(view: AppView, { fastAttempts, apiToken }: RoutesOptions): Hono {
  const app = new Hono({ strict: false })
  app.notFound((c) => c.json({ success: false, error: 'Not found' }, 404))
  app.onError((error, c) =>
    error instanceof HTTPException ? error.getResponse() : c.json({ success: false, error: 'Internal error' }, 500),
  )

  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  app.get('/readyz', async (c) => {
    const { state, store } = await view.status()
    const isReady = state === 'running' && store.ready
    return c.json({ status: isReady ? 'ready' : 'not ready', supervisor: state, store }, isReady ? 200 : 503)
  })

  if (apiToken !== undefined) {
    const message = { success: false, error: 'Unauthorized' }
    app.use(
      `${PREFIX}/*`,
      bearerAuth({
        token: apiToken,
        noAuthenticationHeader: { message },
        invalidAuthenticationHeader: { message },
        invalidToken: { message },
      }),
    )
  }
  app.get(`${PREFIX}/supervisor`, async (c) => c.json(supervisorView(await view.status())))
  app.get(`${PREFIX}/ws/status`, async (c) => {
    const { bots } = await view.status()
    return c.json({ connections: bots.map((bot) => connectionView(bot, fastAttempts)) })
  })
  app.get(`${PREFIX}/bots/:id/ws/status`, async (c) => {
    const { bots } = await view.status()
    const bot = bots.find(({ botId }) => botId === c.req.param('id'))
    if (bot === undefined) return c.json({ success: false, error: 'Bot not found' }, 404)
    return c.json(connectionView(bot, fastAttempts))
  })
  return app
}
