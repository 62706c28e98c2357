import type { Clock } from '../../core/time/clock.ts'
import type { ApiLimits } from './api-limits.ts'
import type { ApiResult, CallBody } from '../shared/api-result.ts'
import type { AppDirectory } from '../shared/app-directory.ts'
import type { Assumptions } from '../shared/assumptions.ts'
import { type ApiCallName, RATE_LIMITED, rateLimitHeaders } from '../faults/fault.ts'
import type { FaultPlan } from '../faults/fault-plan.ts'
import type { History } from '../history/history.ts'
import {
  type Answer,
  apiError,
  delayed,
  neverAnswered,
  type PlatformContext,
  readBody,
  send,
} from '../http/http-answer.ts'
import type { TokenIssuer } from './token-issuer.ts'

export interface ApiDeps {
  readonly apps: AppDirectory
  readonly tokens: TokenIssuer
  readonly limits: ApiLimits
  readonly failures: FaultPlan
  readonly clock: Clock
  readonly history: History
  readonly assumptions: Pick<Assumptions, 'errorHttp'>
}

/** One call of the open API. `T` is the type of its result. */
export interface ApiCall<T> {
  readonly name: ApiCallName
  /** Called before a slow call waits. Returns a refusal, or the function to call after the wait. */
  enter?(appId: string): ApiResult<() => void>
  run(appId: string): ApiResult<T> | Promise<ApiResult<T>>
  /** Fields of the answer beside `code` and `msg`. Default: `data` with the result. */
  answer?(data: T, appId: string): object
  /** Builds an answer that is not JSON. */
  respond?(data: T): Response
  /** Builds the history entry. Default: `api_called`. Without a valid token there is no app. */
  record?(decision: { readonly appId?: string; readonly code: number; readonly data?: T }): void
}

/**
 * Runs the common steps of all calls: token, fault, limits, decision, record, answer. Error codes come with HTTP 400, as
 * from newer gateways. [D]
 */
export async function callApi<T>(c: PlatformContext, deps: ApiDeps, call: ApiCall<T>): Promise<Response> {
  const { failures, history, limits, assumptions, clock } = deps
  const record =
    call.record?.bind(call) ??
    (({ appId, code }: { appId?: string; code: number }) =>
      void history.append({ kind: 'api_called', call: call.name, ...(appId !== undefined && { appId }), code }))
  const caller = callerOf(c, deps)
  if (!caller.ok) {
    record({ code: caller.code })
    return send(c, apiError(c, assumptions.errorHttp, caller.code, caller.msg), { kind: 'proceed' })
  }
  const appId = caller.data
  const verdict = failures.decide(call.name, appId)
  if (verdict.kind === 'hang') return neverAnswered()
  const entered = call.enter?.(appId)
  if (entered?.ok === false) {
    record({ appId, code: entered.code })
    return send(c, apiError(c, assumptions.errorHttp, entered.code, entered.msg), verdict)
  }
  await delayed(clock, verdict)
  entered?.data()
  if (verdict.kind === 'fail') {
    record({ appId, code: verdict.code })
    return send(c, injected(c, verdict), verdict)
  }
  const { waitMs, limit } = limits.take(call.name, appId)
  if (waitMs > 0) {
    record({ appId, code: RATE_LIMITED.code })
    return send(c, injected(c, { ...RATE_LIMITED, headers: rateLimitHeaders(waitMs, limit) }), verdict)
  }
  const result = await call.run(appId)
  if (!result.ok) {
    record({ appId, code: result.code })
    return send(c, apiError(c, assumptions.errorHttp, result.code, result.msg), verdict)
  }
  record({ appId, code: 0, data: result.data })
  if (call.respond !== undefined && verdict.kind === 'proceed') return call.respond(result.data)
  const body = call.answer === undefined ? { data: result.data } : call.answer(result.data, appId)
  return send(c, { http: 200, body: { code: 0, msg: 'success', ...body } }, verdict)
}

/** Runs `callApi` for a call with a JSON body. A body on a GET is ignored: generated SDK methods send one. [R] */
export async function callApiWithBody<T>(
  c: PlatformContext,
  deps: ApiDeps,
  toCall: (body: CallBody) => ApiCall<T>,
): Promise<Response> {
  return callApi(c, deps, toCall(await readBody(c)))
}

/** Finds the app of the token. 99991661 without a token, 99991663 for an unknown, expired or revoked token. [D] */
function callerOf(c: PlatformContext, { tokens }: ApiDeps): ApiResult<string> {
  const token = /^Bearer (\S+)$/.exec(c.req.header('authorization') ?? '')?.[1]
  if (token === undefined) return { ok: false, code: 99991661, msg: 'missing access token' }
  const appId = tokens.appOf(token)
  if (appId === undefined) return { ok: false, code: 99991663, msg: 'invalid access token' }
  return { ok: true, data: appId }
}

export function injected(
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
