import { except } from 'hono/combine'
import { type Api, createApi } from './api/api.ts'
import type { RouteDeps } from './api/app-view.ts'
import { type AuthenticateDeps, createAuthenticate } from './api/authenticate.ts'
import { addBotRoutes } from './routes/bot-routes.ts'
import { addDoctorRoute } from './routes/doctor-routes.ts'
import { addEventRoutes } from './routes/event-routes.ts'
import { knownHosts, securityHeaders, smallBodies } from './api/guards.ts'
import { addMessageRoutes } from './routes/message-routes.ts'
import { addMetricsRoute } from './routes/metrics-routes.ts'
import { addOpenApi } from './api/open-api.ts'
import { addPageRoutes } from './page/page-routes.ts'
import { answerProblem } from './api/problem.ts'
import { addSupervisorRoutes } from './routes/supervisor-routes.ts'
import { addTokenRoutes } from './routes/token-routes.ts'
import { addWebhookRoute } from './routes/webhook-routes.ts'
import { addWsRoutes } from './routes/ws-routes.ts'

export const API_PREFIX = '/api/feishu'

export interface RoutesOptions
  extends Omit<RouteDeps, 'authenticate'>,
    Pick<AuthenticateDeps, 'apiToken' | 'authorize'> {
  /** Host names under which this API answers. Default: any. */
  readonly allowedHosts?: readonly string[] | undefined
  /** Gets internal errors, whose text the caller does not see. */
  report(thrown: Error): void
}

/** Creates the HTTP API as a fetch handler, which needs no server of its own. */
export function createRoutes({ apiToken, authorize, allowedHosts, report, ...rest }: RoutesOptions): Api {
  const { view } = rest
  const lookUp = (id: string, secret: string) => view.authenticate(id, secret)
  const deps: RouteDeps = { ...rest, authenticate: createAuthenticate({ apiToken, authorize, lookUp }) }
  const api = createApi(deps.authenticate)
  api.notFound((c) => c.json({ success: false, error: 'Not found' }, 404))
  api.onError((thrown, c) => answerProblem(c, thrown, report))
  api.use(securityHeaders)
  // /healthz and /readyz answer under any name, because probes of a platform use an address.
  for (const path of ['/', `${API_PREFIX}/*`, '/metrics']) api.use(path, knownHosts(allowedHosts))
  api.use(`${API_PREFIX}/*`, except(`${API_PREFIX}/webhook/*`, smallBodies))
  addSupervisorRoutes(api, deps)
  addWsRoutes(api, deps)
  addBotRoutes(api, deps)
  addMessageRoutes(api, deps)
  addEventRoutes(api, deps)
  addTokenRoutes(api, deps)
  addWebhookRoute(api, deps)
  addMetricsRoute(api, deps)
  addPageRoutes(api, deps)
  addDoctorRoute(api, deps)
  addOpenApi(api)
  return api
}
