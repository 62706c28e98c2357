/** Name of a call of the open API that needs a token. */
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
  /** All calls below cardkit/v1. */
  | 'card'
  | 'card_update'

/** Name of a call that can be made to fail. `handshake` is the WebSocket upgrade. */
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

/** A fault on purpose. Faults of connections strike the connections of that moment: all, or the named one. */
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
   * The connections become half-open: nothing is read or answered, and pushes are lost. The end of the TCP connection is
   * still noticed.
   */
  | ({ readonly kind: 'freeze_connections' } & StruckConnections)
  /**
   * The platform forgets the connections: pings are still answered, but no events come, and `GET event/v1/connection`
   * does not count them. [F]
   */
  | ({ readonly kind: 'forget_connections' } & StruckConnections)
  /** Every token issued to the app so far is refused with 99991663. */
  | { readonly kind: 'revoke_tokens'; readonly appId: string }
  | ({ readonly kind: 'fail_next' } & FailNext)
  | ({ readonly kind: 'spoil_next' } & SpoilNext)
  /** The platform is down for `downMs`: connections and tickets are lost, calls are cut off. */
  | { readonly kind: 'restart_platform'; readonly appId?: undefined; readonly downMs: number }
  /** Removes the faults planned with `fail_next` and `spoil_next`, for one app or for all. */
  | { readonly kind: 'clear_faults'; readonly appId?: string }

/** The connections that a fault strikes. */
export interface StruckConnections {
  readonly appId: string
  /** Default: all of the app. */
  readonly connectionId?: string
}

/** Occurrences that a planned fault strikes: of one app or of all, counted or at random from a seed. */
export interface Schedule {
  readonly appId?: string
  /** Number of struck occurrences. Default 1; with `probability` unlimited. */
  readonly count?: number
  /** Number of occurrences that pass before. Default 0. */
  readonly skip?: number
  /** Probability for each occurrence, 0 to 1. Default: every one is struck. */
  readonly probability?: number
  /** Seed of the random choice. Default 1. */
  readonly seed?: number
}

/** Makes calls fail in one of several ways. */
export type FailNext = { readonly call: FaultyCall } & Schedule & FailureMode

export type FailureMode =
  /** The call is neither processed nor answered. */
  | { readonly hang: true }
  /** The call is processed, then its socket is destroyed without an answer. */
  | { readonly loseAnswer: true }
  /** The call is processed after this time. */
  | { readonly delayMs: number }
  /**
   * The call is answered with an error. With `retryAfterMs` it is Feishu's rate limit: HTTP 429, code 99991400
   * and the header x-ogw-ratelimit-reset in seconds. [D]
   */
  | { readonly http?: number; readonly code?: number; readonly msg?: string; readonly retryAfterMs?: number }

/** Spoils frames that the platform sends. */
export type SpoilNext = { readonly target: 'push' | 'pong'; readonly connectionId?: string } & Schedule & Spoiling

export type Spoiling =
  | {
      readonly how: /** The frame is never sent. */
        | 'lost'
        /** The frame is sent twice. */
        | 'twice'
        /** The bytes are no frame. */
        | 'garbage'
        /** The frame is sent as a text message. */
        | 'text'
        /** The payload is not JSON. */
        | 'bad_json'
        /** The payload is missing. */
        | 'empty'
        /** The payload is `{}`. In a pong it makes the Node SDK ping without pause. [R] */
        | 'no_fields'
        /** The required LogID is missing. Clients drop such a frame. [R] */
        | 'no_log_id'
        /** The headers `sum` and `seq` are missing. */
        | 'no_sum'
    }
  /** The frame is sent after `delayMs`. Later frames overtake it. */
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

/** Header of the rate limit. The wait is in seconds, possibly with a fraction. [D] */
export function rateLimitHeaders(waitMs: number, limit?: number): Readonly<Record<string, string>> {
  return {
    ...(limit !== undefined && { 'x-ogw-ratelimit-limit': String(limit) }),
    'x-ogw-ratelimit-reset': String(waitMs / 1000),
  }
}
