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
  | 'scopes'
  | 'application'
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
  'scopes',
  'application',
  'card',
  'card_update',
] as const satisfies readonly FaultyCall[]

/** Something that goes wrong on purpose. Faults of connections strike those of the moment: all, or the one named. */
export type Fault =
  /** Ends connections: with a close frame (`code`, default 1001) or with a TCP reset. */
  | ({
      readonly kind: 'close_connections'
      readonly mode: 'close' | 'reset'
      readonly code?: number
    } & StruckConnections)
  /** Acknowledgements are ignored until the connection closes. */
  | ({ readonly kind: 'withhold_acks' } & StruckConnections)
  /**
   * The connections turn half-open: nothing is read, nothing is answered, and pushes vanish. The end of the TCP
   * connection is still noticed.
   */
  | ({ readonly kind: 'freeze_connections' } & StruckConnections)
  /**
   * The platform forgets the connections: pings are still answered, but no event comes any more and
   * `GET event/v1/connection` does not count them. [F]
   */
  | ({ readonly kind: 'forget_connections' } & StruckConnections)
  /** Every token issued to the app so far is refused with 99991663. */
  | { readonly kind: 'revoke_tokens'; readonly appId: string }
  | ({ readonly kind: 'fail_next' } & FailNext)
  | ({ readonly kind: 'spoil_next' } & SpoilNext)
  /** The platform is gone for `downMs`: connections and tickets are lost, calls are cut off; then it is there again. */
  | { readonly kind: 'restart_platform'; readonly appId?: undefined; readonly downMs: number }
  /** What was planned with `fail_next` and `spoil_next`, for one app or for all, does not happen. */
  | { readonly kind: 'clear_faults'; readonly appId?: string }

/** The connections that a fault strikes. */
export interface StruckConnections {
  readonly appId: string
  /** Default: all of the app. */
  readonly connectionId?: string
}

/** Which occurrences a planned fault strikes: of one app or of any, counted or at random from a seed. */
export interface Schedule {
  readonly appId?: string
  /** How many it strikes. Default 1; with `probability` any number. */
  readonly count?: number
  /** How many pass before. Default 0. */
  readonly skip?: number
  /** Strikes each with this probability, 0 to 1. */
  readonly probability?: number
  /** Of the random choice. Default 1. */
  readonly seed?: number
}

/** Calls fail in one of several ways. */
export type FailNext = { readonly call: FaultyCall } & Schedule & FailureMode

export type FailureMode =
  /** The call is neither processed nor answered. */
  | { readonly hang: true }
  /** The call is processed, then its socket is destroyed. */
  | { readonly loseAnswer: true }
  /** The call is processed after this time. */
  | { readonly delayMs: number }
  /**
   * The call is answered with an error. With `retryAfterMs` it is Feishu's rate limit: HTTP 429, code 99991400
   * and the header x-ogw-ratelimit-reset in seconds. [D]
   */
  | { readonly http?: number; readonly code?: number; readonly msg?: string; readonly retryAfterMs?: number }

/** Frames that the platform sends go wrong. */
export type SpoilNext = { readonly target: 'push' | 'pong'; readonly connectionId?: string } & Schedule & Spoiling

export type Spoiling =
  | {
      readonly how: /** Never sent. */
        | 'lost'
        /** Sent twice. */
        | 'twice'
        /** Bytes that are no frame. */
        | 'garbage'
        /** Sent as a text message. */
        | 'text'
        /** A payload that is no JSON. */
        | 'bad_json'
        /** No payload. */
        | 'empty'
        /** The payload `{}`: in a pong it makes the Node SDK ping without pause. [R] */
        | 'no_fields'
        /** The required LogID is missing: clients drop such a frame. [R] */
        | 'no_log_id'
        /** The headers `sum` and `seq` are missing. */
        | 'no_sum'
    }
  /** Sent after this time; what comes later overtakes it. */
  | { readonly how: 'late'; readonly delayMs: number }

export const SPOILINGS = [
  'lost',
  'twice',
  'garbage',
  'text',
  'bad_json',
  'empty',
  'no_fields',
  'no_log_id',
  'no_sum',
  'late',
] as const satisfies readonly Spoiling['how'][]

/** Feishu's answer to an app that calls too often. [D] */
export const RATE_LIMITED = { http: 429, code: 99991400, msg: 'request trigger frequency limit' } as const

/** The wait is given in seconds, possibly with a fraction. [D] */
export function rateLimitHeaders(waitMs: number, limit?: number): Readonly<Record<string, string>> {
  return {
    ...(limit !== undefined && { 'x-ogw-ratelimit-limit': String(limit) }),
    'x-ogw-ratelimit-reset': String(waitMs / 1000),
  }
}
