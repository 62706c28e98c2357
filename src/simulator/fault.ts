/** A call of the open API that needs a token. */
export type ApiCallName =
  | 'create'
  | 'reply'
  | 'edit'
  | 'patch'
  | 'recall'
  | 'get'
  | 'reaction'
  | 'upload'
  | 'resource'
  | 'chat'
  | 'bot_info'
  | 'connections'
  | 'outbound_ip'
  /** Everything below cardkit/v1. */
  | 'card'
  | 'card_update'

/** A call of the platform that can be made to fail. `handshake` is the WebSocket upgrade. */
export type FaultyCall = 'discovery' | 'handshake' | 'token' | ApiCallName

export const FAULTY_CALLS = [
  'discovery',
  'handshake',
  'token',
  'create',
  'reply',
  'edit',
  'patch',
  'recall',
  'get',
  'reaction',
  'upload',
  'resource',
  'chat',
  'bot_info',
  'connections',
  'outbound_ip',
  'card',
  'card_update',
] as const satisfies readonly FaultyCall[]

/** Something that goes wrong on purpose. */
export type Fault =
  /** Ends every connection of the app: with a close frame (`code`, default 1001) or with a TCP reset. */
  | {
      readonly kind: 'close_connections'
      readonly appId: string
      readonly mode: 'close' | 'reset'
      readonly code?: number
    }
  /** Acknowledgements on the connections of this moment are ignored until they close. */
  | { readonly kind: 'withhold_acks'; readonly appId: string }
  /**
   * The connections of this moment turn half-open: nothing is read, nothing is answered, and pushes vanish.
   * The end of the TCP connection is still noticed.
   */
  | { readonly kind: 'freeze_connections'; readonly appId: string }
  /**
   * The platform forgets the connections of this moment: pings are still answered, but no event comes any more
   * and `GET event/v1/connection` does not count them. [F]
   */
  | { readonly kind: 'forget_connections'; readonly appId: string }
  /** Every token issued to the app so far is refused with 99991663. */
  | { readonly kind: 'revoke_tokens'; readonly appId: string }
  | ({ readonly kind: 'fail_next' } & FailNext)

/** The next `count` calls (default 1), of one app or of any, fail in one of three ways. */
export type FailNext = {
  readonly call: FaultyCall
  readonly appId?: string
  readonly count?: number
} & FailureMode

export type FailureMode =
  /** The call is neither processed nor answered. */
  | { readonly hang: true }
  /** The call is processed, then its socket is destroyed. */
  | { readonly loseAnswer: true }
  /**
   * The call is answered with an error. With `retryAfterMs` it is Feishu's rate limit: HTTP 429, code 99991400
   * and the header x-ogw-ratelimit-reset in seconds. [D]
   */
  | { readonly http?: number; readonly code?: number; readonly msg?: string; readonly retryAfterMs?: number }

/** What happens to one call. */
export type Verdict =
  | { readonly kind: 'proceed' }
  | { readonly kind: 'hang' }
  | { readonly kind: 'lose_answer' }
  | {
      readonly kind: 'fail'
      readonly http: number
      readonly code: number
      readonly msg: string
      readonly headers: Readonly<Record<string, string>>
    }

interface DefaultFailure {
  readonly http: number
  readonly code: number
  readonly msg: string
}

const DEFAULT_FAILURES: Partial<Record<FaultyCall, DefaultFailure>> = {
  discovery: { http: 200, code: 1, msg: 'system busy' },
  handshake: { http: 403, code: 514, msg: 'auth failed' },
  token: { http: 400, code: 10012, msg: 'get token fail' },
}

const INTERNAL_ERROR = { http: 500, code: 5000, msg: 'internal error' }

/** Feishu's answer to an app that calls too often. [D] */
export const RATE_LIMITED = { http: 429, code: 99991400, msg: 'request trigger frequency limit' } as const

/** The `fail_next` faults that have not been used up, in the order in which they were ordered. */
export class FailurePlan {
  #planned: { readonly fault: FailNext; remaining: number }[] = []
  readonly #onApplied: (call: FaultyCall, appId: string) => void

  constructor(onApplied: (call: FaultyCall, appId: string) => void) {
    this.#onApplied = onApplied
  }

  add(fault: FailNext): void {
    this.#planned.push({ fault, remaining: fault.count ?? 1 })
  }

  /** Decides one call; a fault that matches is used up by one. */
  decide(call: FaultyCall, appId: string): Verdict {
    const plan = this.#planned.find(
      ({ fault }) => fault.call === call && (fault.appId === undefined || fault.appId === appId),
    )
    if (plan === undefined) return { kind: 'proceed' }
    plan.remaining -= 1
    if (plan.remaining <= 0) this.#planned = this.#planned.filter((other) => other !== plan)
    this.#onApplied(call, appId)
    return verdictOf(plan.fault)
  }
}

function verdictOf(fault: FailNext): Verdict {
  if ('hang' in fault) return { kind: 'hang' }
  if ('loseAnswer' in fault) return { kind: 'lose_answer' }
  const { retryAfterMs } = fault
  const defaults = retryAfterMs === undefined ? (DEFAULT_FAILURES[fault.call] ?? INTERNAL_ERROR) : RATE_LIMITED
  return {
    kind: 'fail',
    http: fault.http ?? defaults.http,
    code: fault.code ?? defaults.code,
    msg: fault.msg ?? defaults.msg,
    headers: retryAfterMs === undefined ? {} : rateLimitHeaders(retryAfterMs),
  }
}

/** The wait is given in seconds, possibly with a fraction. [D] */
export function rateLimitHeaders(waitMs: number, limit?: number): Readonly<Record<string, string>> {
  return {
    ...(limit !== undefined && { 'x-ogw-ratelimit-limit': String(limit) }),
    'x-ogw-ratelimit-reset': String(waitMs / 1000),
  }
}
