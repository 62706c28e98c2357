import { Hono } from 'hono'
import { type AppDirectory, botIds } from './app-directory.ts'
import { type FailurePlan, RATE_LIMITED, rateLimitHeaders } from './fault.ts'
import type { History } from './history.ts'
import {
  type Answer,
  apiError,
  neverAnswered,
  type PlatformContext,
  type PlatformEnv,
  readBody,
  send,
} from './http-answer.ts'
import type { CallBody } from './api-result.ts'
import type { MessageBoard, PostResult } from './message-board.ts'
import type { RateLimit } from './rate-limits.ts'
import { toMessageData } from './stored-message.ts'
import type { TokenDesk } from './token-desk.ts'

export interface OpenApiParts {
  readonly apps: AppDirectory
  readonly tokens: TokenDesk
  readonly board: MessageBoard
  /** Message calls of each app. */
  readonly appLimit: RateLimit
  readonly failures: FailurePlan
  readonly history: History
}

/**
 * The REST calls a bot makes. Error codes come with HTTP 400, as newer gateways answer. [D]
 * A JSON body on a GET is ignored: generated SDK methods send one. [R]
 */
export function openApiRoutes(parts: OpenApiParts): Hono<PlatformEnv> {
  const { apps, board } = parts
  return new Hono<PlatformEnv>()
    .post('/auth/v3/tenant_access_token/internal', async (c) => issueToken(c, parts, await readBody(c)))
    .post('/im/v1/messages', async (c) => {
      const body = await readBody(c)
      return post(c, parts, { call: 'create' }, body, (appId) =>
        board.create(appId, c.req.query('receive_id_type'), body),
      )
    })
    .post('/im/v1/messages/:id/reply', async (c) => {
      const body = await readBody(c)
      const replyTo = c.req.param('id')
      return post(c, parts, { call: 'reply', replyTo }, body, (appId) => board.reply(appId, replyTo, body))
    })
    .get('/bot/v3/info', (c) => {
      const caller = callerOf(c, parts.tokens)
      if (!caller.ok) return send(c, caller.refusal, { kind: 'proceed' })
      const app = apps.require(caller.appId)
      // Not inside `data`; activate_status 2 means enabled. [F]
      const bot = {
        activate_status: 2,
        app_name: app.name,
        avatar_url: '',
        ip_white_list: [],
        open_id: botIds(app.appId).open_id,
      }
      return c.json({ code: 0, msg: 'ok', bot })
    })
}

/** Fields at the top level, no `data`. [D, R] 10003 for a bad app id, 10014 for a bad secret. [D, F] */
function issueToken(
  c: PlatformContext,
  { apps, tokens, failures, history }: OpenApiParts,
  body: CallBody,
): Response | Promise<Response> {
  const appId = typeof body['app_id'] === 'string' ? body['app_id'] : ''
  const verdict = failures.decide('token', appId)
  if (verdict.kind === 'hang') return neverAnswered()
  if (verdict.kind === 'fail') return send(c, injected(c, verdict), verdict)
  const app = apps.find(appId)
  if (app === undefined) return send(c, apiError(c, 400, 10003, 'invalid param'), verdict)
  if (app.appSecret !== body['app_secret']) return send(c, apiError(c, 400, 10014, 'app secret invalid'), verdict)
  const { token, expiresInSeconds: expire, reused } = tokens.issue(appId)
  history.append({ kind: 'token_issued', appId, reused })
  return send(c, { http: 200, body: { code: 0, msg: 'ok', tenant_access_token: token, expire } }, verdict)
}

/** The common part of create and reply: token, fault, limit of the app, uuid guard, record, answer. */
function post(
  c: PlatformContext,
  { tokens, failures, history, appLimit }: OpenApiParts,
  call: { readonly call: 'create' | 'reply'; readonly replyTo?: string },
  body: CallBody,
  run: (appId: string) => PostResult,
): Response | Promise<Response> {
  const received = {
    kind: 'reply_received',
    ...call,
    ...(typeof body['uuid'] === 'string' && { uuid: body['uuid'] }),
  } as const
  const caller = callerOf(c, tokens)
  if (!caller.ok) {
    history.append({ ...received, repeated: false, code: Number(caller.refusal.body['code']) })
    return send(c, caller.refusal, { kind: 'proceed' })
  }
  const { appId } = caller
  const verdict = failures.decide(call.call, appId)
  if (verdict.kind === 'hang') return neverAnswered()
  if (verdict.kind === 'fail') {
    history.append({ ...received, appId, repeated: false, code: verdict.code })
    return send(c, injected(c, verdict), verdict)
  }
  const waitMs = appLimit.take(appId)
  if (waitMs > 0) {
    history.append({ ...received, appId, repeated: false, code: RATE_LIMITED.code })
    return send(c, injected(c, { ...RATE_LIMITED, headers: rateLimitHeaders(waitMs, appLimit.limit) }), verdict)
  }
  const result = run(appId)
  if (!result.ok) {
    history.append({ ...received, appId, repeated: false, code: result.code })
    return send(c, apiError(c, 400, result.code, result.msg), verdict)
  }
  const { message, isRepeated } = result.data
  history.append({ ...received, appId, repeated: isRepeated, code: 0 })
  if (!isRepeated) {
    const { chatId, messageId, msgType, content } = message
    history.append({
      kind: 'message_created',
      appId,
      chatId,
      messageId,
      ...(call.replyTo !== undefined && { replyTo: call.replyTo }),
      msgType,
      content,
    })
  }
  return send(c, { http: 200, body: { code: 0, msg: 'success', data: toMessageData(appId, message) } }, verdict)
}

/** 99991661 without a token, 99991663 with one that is unknown, expired or revoked. [D] */
function callerOf(
  c: PlatformContext,
  tokens: TokenDesk,
): { readonly ok: true; readonly appId: string } | { readonly ok: false; readonly refusal: Answer } {
  const token = /^Bearer (\S+)$/.exec(c.req.header('authorization') ?? '')?.[1]
  if (token === undefined) return { ok: false, refusal: apiError(c, 400, 99991661, 'missing access token') }
  const appId = tokens.appOf(token)
  if (appId === undefined) return { ok: false, refusal: apiError(c, 400, 99991663, 'invalid access token') }
  return { ok: true, appId }
}

function injected(
  c: PlatformContext,
  fault: {
    readonly http: number
    readonly code: number
    readonly msg: string
    readonly headers: Answer['headers'] & {}
  },
): Answer {
  return { ...apiError(c, fault.http, fault.code, fault.msg), headers: fault.headers }
}
