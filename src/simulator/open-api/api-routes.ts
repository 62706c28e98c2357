import { Hono } from 'hono'
import { type ApiDeps, callApi, callApiWithBody, injected } from './api-call.ts'
import { accepted, type CallBody, refused } from '../shared/api-result.ts'
import { botIds } from '../shared/app-directory.ts'
import type { CardCallbacks } from '../messages/card-callbacks.ts'
import { type CardRouteDeps, cardRoutes } from './card-routes.ts'
import type { Gateway } from '../gateway/gateway.ts'
import {
  apiError,
  delayed,
  neverAnswered,
  type PlatformContext,
  type PlatformEnv,
  readBody,
  send,
} from '../http/http-answer.ts'
import { type MessageRouteDeps, messageRoutes } from './message-routes.ts'

export interface OpenApiDeps extends MessageRouteDeps, CardRouteDeps {
  readonly gateway: Pick<Gateway, 'onlineCount'>
  readonly callbacks: CardCallbacks
}

const CHAT_BOT_SCOPES = ['im:message:send_as_bot', 'im:message.p2p_msg:readonly', 'im:message.group_at_msg:readonly']

function grantedScope(scope_name: string): object {
  return { scope_name, grant_status: 1, scope_type: 'tenant' }
}

/** Routes of the REST calls that a bot makes. */
export function apiRoutes(deps: OpenApiDeps): Hono<PlatformEnv> {
  const { apps, chats, gateway, callbacks } = deps
  return (
    new Hono<PlatformEnv>()
      .post('/auth/v3/tenant_access_token/internal', async (c) => issueToken(c, deps, await readBody(c)))
      .route('/im/v1', messageRoutes(deps))
      .route('/cardkit/v1', cardRoutes(deps))
      .post('/interactive/v1/card/update', (c) =>
        callApiWithBody(c, deps, (body) => ({
          name: 'card_update',
          run: (appId) => callbacks.update(appId, body),
          answer: () => ({}),
        })),
      )
      .get('/im/v1/chats/:id', (c) =>
        callApi(c, deps, {
          name: 'chat',
          run(appId) {
            const chat = chats.chatOf(appId, c.req.param('id'))
            if (chat === undefined) return refused(232006, 'chat_id is invalid') // [A]
            if (chat.isLeft) return refused(232011, 'the bot is not in the chat') // [A]
            const { chatId: chat_id, type: chat_mode, name } = chat
            return accepted({ chat_id, chat_mode, name, chat_type: 'private', user_count: '1', bot_count: '1' })
          },
        }),
      )
      .get('/bot/v3/info', (c) =>
        callApi(c, deps, {
          name: 'bot_info',
          run: (appId) => accepted(apps.require(appId)),
          // `bot` is not inside `data`. activate_status 2: enabled. [F]
          answer: ({ appId, name }) => ({
            msg: 'ok',
            bot: {
              activate_status: 2,
              app_name: name,
              avatar_url: '',
              ip_white_list: [],
              open_id: botIds(appId).open_id,
            },
          }),
        }),
      )
      // Number of the app's connections that count as alive. [D]
      .get('/event/v1/connection', (c) =>
        callApi(c, deps, {
          name: 'connections',
          run: (appId) => accepted({ online_instance_cnt: gateway.onlineCount(appId) }),
          answer: (data) => ({ msg: '', data }),
        }),
      )
      // Scopes of the tenant. 1: granted, 2: not granted. [R]
      .get('/application/v6/scopes', (c) =>
        callApi(c, deps, {
          name: 'scopes',
          run: (appId) => accepted({ scopes: (apps.require(appId).scopes ?? CHAT_BOT_SCOPES).map(grantedScope) }),
        }),
      )
      // Needs a scope that few bots have. [D]
      .get('/application/v6/applications/:id', (c) =>
        callApi(c, deps, {
          name: 'application',
          run(appId) {
            const { subscription: subscription_type } = apps.require(appId)
            if (c.req.param('id') !== appId || subscription_type === undefined) {
              return refused(99991672, 'Access denied. One of the following scopes is required')
            }
            return accepted({ app: { app_id: appId, status: 1, event: { subscription_type } } })
          },
        }),
      )
      .get('/event/v1/outbound_ip', (c) =>
        callApi(c, deps, {
          name: 'outbound_ip',
          run: () => accepted({ ip_list: ['127.0.0.1'], page_token: '', has_more: false }),
        }),
      )
  )
}

/** Issues a token. Its fields are at the top level, not in `data`. [D, R] 10003 for a wrong app id, 10014 for a wrong secret. [D, F] */
async function issueToken(
  c: PlatformContext,
  { apps, tokens, failures, history, clock, assumptions: { errorHttp } }: ApiDeps,
  body: CallBody,
): Promise<Response> {
  const appId = typeof body['app_id'] === 'string' ? body['app_id'] : ''
  const verdict = failures.decide('token', appId)
  if (verdict.kind === 'hang') return neverAnswered()
  await delayed(clock, verdict)
  if (verdict.kind === 'fail') return send(c, injected(c, verdict), verdict)
  const app = apps.find(appId)
  if (app === undefined) return send(c, apiError(c, errorHttp, 10003, 'invalid param'), verdict)
  if (app.appSecret !== body['app_secret']) return send(c, apiError(c, errorHttp, 10014, 'app secret invalid'), verdict)
  const { token, expiresInSeconds: expire, reused } = tokens.issue(appId)
  history.append({ kind: 'token_issued', appId, reused })
  return send(c, { http: 200, body: { code: 0, msg: 'ok', tenant_access_token: token, expire } }, verdict)
}
