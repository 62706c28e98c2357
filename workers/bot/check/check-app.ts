import { asObject } from '../../../src/core/as-object.ts'
import { errorText } from '../../../src/core/errors.ts'
import type { Finding } from '../../../src/protocol/model/finding.ts'
import { CERTIFICATE_CODES } from '../connection/connection-trouble.ts'
import { causeCode, Discovery } from '../connection/discovery.ts'
import { describeAnswer } from '../api/send-answer.ts'
import { type Http, type HttpAnswer, wasNeverSent } from '../http/http.ts'
import { checkScopes } from './check-scopes.ts'
import type { Credentials } from '../api/tokens.ts'

export interface AppToCheck {
  readonly credentials: Credentials
  readonly domain: string
  readonly http: Http
  /** Host and port of the proxy for a URL. Undefined: direct. */
  proxyTo(url: URL): string | undefined
  /** Milliseconds since the epoch. */
  now(): number
}

/** Limits of the clock's error. Signatures of webhooks allow 5 minutes: a warning below that limit, an error at it. */
const SKEW_WARNING_MS = 60_000
const SKEW_ERROR_MS = 300_000

/**
 * Checks the bot and its app: egress, clock, credentials, scopes, subscription mode. Makes a few harmless calls and opens
 * no connection. Never rejects.
 */
export async function checkApp(app: AppToCheck, useWebSocket: boolean): Promise<Finding[]> {
  const { http, domain, credentials } = app
  const url = `${domain}/open-apis/auth/v3/tenant_access_token/internal`
  let answer: HttpAnswer
  const askedAt = app.now()
  try {
    const data = { app_id: credentials.appId, app_secret: credentials.appSecret }
    answer = await http.request({ method: 'POST', url, data })
  } catch (thrown) {
    return [unreachable(app, new URL(url), thrown)]
  }
  const { tenant_access_token: token, code } = asObject(answer.body)
  if (typeof code !== 'number') return [notFeishu(domain, answer)]
  const way = reached(app, new URL(url), app.now() - askedAt)
  const clock = clockOf(answer, app.now())
  if (typeof token !== 'string') return [way, ...clock, refused(answer)]
  const call = (path: string): Promise<HttpAnswer> =>
    http.request({ url: `${domain}${path}`, headers: { authorization: `Bearer ${token}` } })
  return [
    way,
    ...clock,
    { check: 'credentials', level: 'ok', message: 'Feishu gives a token for the app id and app secret' },
    await checkScopes(call),
    ...(await checkSubscription(app, call, useWebSocket)),
  ]
}

async function checkSubscription(
  app: AppToCheck,
  call: (path: string) => Promise<HttpAnswer>,
  useWebSocket: boolean,
): Promise<Finding[]> {
  const wanted = useWebSocket ? 'websocket' : 'webhook'
  const set = await subscriptionOf(call, app.credentials.appId)
  if (set !== undefined && set !== wanted) {
    const mode = (name: string): string => (name === 'websocket' ? 'a long connection' : 'a request URL (webhook)')
    return [
      {
        check: 'subscription',
        level: 'error',
        message: `the app sends its events over ${mode(set)}, the bot takes them over ${mode(wanted)}`,
        mend: `choose ${mode(wanted)} under Events & Callbacks in the developer console, or change the mode of the bot`,
      },
    ]
  }
  const known = set === undefined ? '; which mode the app has is not readable for it' : ', and the app has that mode'
  if (!useWebSocket) return [{ check: 'subscription', level: 'ok', message: `webhook mode${known}` }]
  return await checkLongConnection(app, known)
}

/** Asks for the address of a connection and sends a plain request there. Opens no connection. */
async function checkLongConnection(app: AppToCheck, known: string): Promise<Finding[]> {
  const { http, domain, credentials } = app
  const discovery = new Discovery(http, () => ({}) as never)
  const data = { AppID: credentials.appId, AppSecret: credentials.appSecret }
  const answer = await discovery.httpInstance.request({ method: 'POST', url: `${domain}/callback/ws/endpoint`, data })
  const { trouble } = discovery
  if (trouble !== undefined) {
    const [message = '', mend = ''] = trouble.message.split(/(?<=\)): /)
    return [{ check: 'subscription', level: 'error', message: `Feishu offers no long connection: ${message}`, mend }]
  }
  const offered: Finding = { check: 'subscription', level: 'ok', message: `Feishu offers a long connection${known}` }
  const gateway = new URL(String(asObject(asObject(answer).data)['URL']))
  gateway.protocol = gateway.protocol === 'wss:' ? 'https:' : 'http:'
  const requestedAt = app.now()
  try {
    // The answer to a plain request does not matter. The full address is a secret, so only the origin is requested.
    await http.request({ url: gateway.origin })
  } catch (thrown) {
    const code = causeCode(thrown instanceof Error ? thrown.cause : undefined)
    const isReached = !wasNeverSent(thrown) && !/^(ETIMEDOUT|EPROXY)$/.test(code) && !CERTIFICATE_CODES.test(code)
    if (!isReached) return [offered, unreachable(app, gateway, thrown)]
  }
  return [offered, reached(app, gateway, app.now() - requestedAt)]
}

/** Subscription mode of the app. Undefined if the app may not read it (scope `application:application:self_manage`). */
async function subscriptionOf(
  call: (path: string) => Promise<HttpAnswer>,
  appId: string,
): Promise<'websocket' | 'webhook' | undefined> {
  const answer = await call(`/open-apis/application/v6/applications/${appId}?lang=en_us`).catch(() => undefined)
  const { event } = asObject(asObject(asObject(answer?.body).data)['app'])
  const { subscription_type: type } = asObject(event)
  return type === 'websocket' || type === 'webhook' ? type : undefined
}

function reached(app: AppToCheck, url: URL, tookMs: number): Finding {
  const proxy = app.proxyTo(url)
  const way = proxy === undefined ? '' : ` through the proxy ${proxy}`
  return { check: 'egress', level: 'ok', message: `${url.origin} answers${way} after ${Math.round(tookMs)} ms` }
}

function unreachable(app: AppToCheck, url: URL, thrown: unknown): Finding {
  const code = causeCode(thrown instanceof Error ? thrown.cause : undefined)
  const target = `${url.hostname}:${url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : url.port}`
  const [stage, mend] = stageOf(code, target, app.proxyTo(url))
  return { check: 'egress', level: 'error', message: `${stage}: ${errorText(thrown)}`, mend }
}

function stageOf(code: string, target: string, proxy: string | undefined): readonly [string, string] {
  if (code === 'EPROXY' || proxy !== undefined)
    return ['proxy', `check HTTPS_PROXY (${proxy}) and that it lets CONNECT through to ${target}`]
  if (/^(ENOTFOUND|EAI_)/.test(code)) return ['DNS', `let this machine resolve the name, or set HTTPS_PROXY`]
  if (CERTIFICATE_CODES.test(code))
    return ['TLS', 'name the authority that signed the certificate in FS_CA_FILE (connection.caFile)']
  return ['TCP', `let this machine connect to ${target}, or set HTTPS_PROXY`]
}

function notFeishu(domain: string, answer: HttpAnswer): Finding {
  const isTheirs = answer.status >= 500 || answer.status === 429
  return {
    check: 'egress',
    level: isTheirs ? 'warning' : 'error',
    message: `${domain}: ${describeAnswer(answer)}`,
    mend: isTheirs
      ? 'wait: bots try again by themselves'
      : 'check the domain of the bot, and what answers in the place of Feishu (a proxy, a login page of the network)',
  }
}

function clockOf(answer: HttpAnswer, now: number): Finding[] {
  const theirs = Date.parse(String(answer.headers.date))
  if (Number.isNaN(theirs)) return []
  const skewMs = now - theirs
  const size = Math.abs(skewMs)
  const message = `the clock is ${Math.round(size / 1_000)} s ${skewMs < 0 ? 'behind' : 'ahead of'} Feishu's`
  if (size < SKEW_WARNING_MS) return [{ check: 'clock', level: 'ok', message }]
  const level = size < SKEW_ERROR_MS ? 'warning' : 'error'
  return [
    {
      check: 'clock',
      level,
      message,
      mend: 'set the clock of this machine (NTP): webhooks more than 5 minutes off are refused',
    },
  ]
}

function refused(answer: HttpAnswer): Finding {
  return {
    check: 'credentials',
    level: 'error',
    message: `Feishu gives no token: ${describeAnswer(answer)}`,
    mend: 'compare app id and app secret with the developer console (PATCH /api/feishu/bots/:id takes a new appSecret), and see that the app is published',
  }
}
