/** Behaviours of the platform that are not known from outside. Each default is the more likely one. Tests may try the others. [A] */
export interface Assumptions {
  /** What `data` of a refused discovery is [F]; the Node SDK retries for ever on the others [R]. Default: `empty_url`. */
  readonly refusalData: 'empty_url' | 'absent' | 'null'
  /** HTTP status of a refused discovery. Default: 200. */
  readonly refusalHttp: 200 | 400
  /** HTTP status of an open API error: 400 in the documents, 200 from older gateways. [D, F] Default: 400. */
  readonly errorHttp: 200 | 400
  /** Connections per app [D]; cut-offs at two were reported [F]. Default: 50. */
  readonly maxConnections: number
  /**
   * Where one connection too many is refused: by the discovery with 1000040350 [F], by the handshake with 514 and
   * 1000040350 in its headers [S], or by a close frame 3001 after the first ping [F]. Default: `discovery`.
   */
  readonly connectionLimitAt: 'discovery' | 'handshake' | 'close'
  /** The `message_id` header of an event that is sent again. Default: `new`. */
  readonly redeliveredFrameId: 'new' | 'same'
  /** An acknowledgement on another connection of the app. Default: `counts`. */
  readonly foreignAck: 'counts' | 'ignored'
  /** An acknowledgement after the deadline: `ignored` stops no redelivery. Default: `ignored`. */
  readonly lateAck: 'ignored' | 'counts'
  /**
   * An event while the app has no connection: its first push fails at once and the schedule goes on from there, or it
   * waits for the next connection. Default: `push_fails`.
   */
  readonly whileOffline: 'push_fails' | 'waits'
  /** A create or reply whose uuid was used: the first message with code 0, or a refusal with 230049. Default: `original`. */
  readonly repeatedUuid: 'original' | 'refused'
}

export const DEFAULT_ASSUMPTIONS: Assumptions = {
  refusalData: 'empty_url',
  refusalHttp: 200,
  errorHttp: 400,
  maxConnections: 50,
  connectionLimitAt: 'discovery',
  redeliveredFrameId: 'new',
  foreignAck: 'counts',
  lateAck: 'ignored',
  whileOffline: 'push_fails',
  repeatedUuid: 'original',
}
