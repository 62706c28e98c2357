import { Hono } from 'hono'
import type { Clock } from '../../core/time/clock.ts'
import type { AppDirectory } from '../shared/app-directory.ts'
import type { Assumptions } from '../shared/assumptions.ts'
import type { ClientConfig } from './client-config.ts'
import type { FaultPlan } from '../faults/fault-plan.ts'
import { EXCEEDED_CONNECTION_LIMIT, type Gateway } from './gateway.ts'
import type { History } from '../history/history.ts'
import { type Answer, delayed, neverAnswered, type PlatformEnv, readBody, send } from '../http/http-answer.ts'

const AUTH_FAILED = 514
const INVALID_APP = 1000040345

export interface DiscoveryDeps {
  readonly apps: AppDirectory
  readonly gateway: Gateway
  readonly clientConfig: ClientConfig
  readonly assumptions: Pick<Assumptions, 'refusalData' | 'refusalHttp'>
  readonly failures: FaultPlan
  readonly clock: Clock
  readonly history: History
}

/**
 * `POST /callback/ws/endpoint`: returns a one-time WebSocket URL for the app's credentials. Needs no token. [S, R]
 * The simulator requires a secret: the keyless form with a ClientAssertion is refused like a wrong secret. [A]
 */
export function discoveryRoutes(deps: DiscoveryDeps): Hono<PlatformEnv> {
  const { failures, history, clock } = deps
  return new Hono<PlatformEnv>().post('/callback/ws/endpoint', async (c) => {
    const body = await readBody(c)
    const appId = typeof body['AppID'] === 'string' ? body['AppID'] : ''
    const verdict = failures.decide('discovery', appId)
    if (verdict.kind === 'hang') return neverAnswered()
    await delayed(clock, verdict)
    const refusal = verdict.kind === 'fail' ? verdict : refusalOf(deps, appId, body['AppSecret'])
    const headers = verdict.kind === 'fail' ? verdict.headers : {}
    const code = refusal?.code ?? 0
    const answer: Answer =
      refusal === undefined
        ? { http: 200, body: { code, msg: 'success', data: endpointOf(deps, appId, new URL(c.req.url).origin) } }
        : { http: refusal.http, headers, body: { code, msg: refusal.msg, ...refusalData(deps) } }
    history.append({ kind: 'discovery', appId, code, http: answer.http })
    return send(c, answer, verdict)
  })
}

/** Refusal of a discovery, if any. Field names in lower case are not recognised: 514. [F] */
function refusalOf(
  { apps, gateway, assumptions }: DiscoveryDeps,
  appId: string,
  secret: unknown,
): { http: number; code: number; msg: string } | undefined {
  const { refusalHttp: http } = assumptions
  if (appId === '') return { http, code: AUTH_FAILED, msg: 'auth failed' }
  const app = apps.find(appId)
  if (app === undefined) return { http, code: INVALID_APP, msg: 'app_id or app_secret is invalid' }
  if (app.appSecret !== secret) return { http, code: AUTH_FAILED, msg: 'auth failed' }
  if (gateway.isFullAt('discovery', appId)) {
    return { http, code: EXCEEDED_CONNECTION_LIMIT, msg: 'the number of connections exceeded the limit' }
  }
  return undefined
}

function refusalData({ assumptions }: DiscoveryDeps): Record<string, unknown> {
  if (assumptions.refusalData === 'absent') return {}
  return { data: assumptions.refusalData === 'null' ? null : { URL: '' } }
}

/** The WebSocket URL uses the address that the client itself used: another host may know this host by another name. */
function endpointOf({ gateway, clientConfig }: DiscoveryDeps, appId: string, origin: string): Record<string, unknown> {
  return { URL: gateway.issueUrl(appId, origin), ClientConfig: clientConfig }
}
