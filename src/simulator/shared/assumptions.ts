/** Behaviours of the platform that are not known from outside. Each default is the more likely one. Tests may try the others. [A] */
export interface Assumptions {
  /** Value of `data` in a refused discovery. Default `empty_url` [F]. With the others the Node SDK retries forever [R]. */
  readonly refusalData: 'empty_url' | 'absent' | 'null'
  /** HTTP status of a refused discovery. Default 200. */
  readonly refusalHttp: 200 | 400
  /** HTTP status of an open API error: 400 in the documents (default), 200 from older gateways. [D, F] */
  readonly errorHttp: 200 | 400
  /** Most connections per app. Default 50 [D]. A limit of two was reported [F]. */
  readonly maxConnections: number
  /**
   * Step that refuses a connection above the limit: the discovery with 1000040350 (default) [F], the handshake with 514
   * and 1000040350 in its headers [S], or a close frame 3001 after the first ping [F].
   */
  readonly connectionLimitAt: 'discovery' | 'handshake' | 'close'
  /** The `message_id` header of a redelivery. Default `new`. */
  readonly redeliveredFrameId: 'new' | 'same'
  /** Effect of an acknowledgement on another connection of the app. Default `counts`. */
  readonly foreignAck: 'counts' | 'ignored'
  /** Effect of an acknowledgement after the deadline. Default `ignored`: it stops no redelivery. */
  readonly lateAck: 'ignored' | 'counts'
  /**
   * Handling of an event while the app has no connection. `push_fails` (default): the first push fails at once, and the
   * schedule goes on from there. `waits`: the event waits for the next connection.
   */
  readonly whileOffline: 'push_fails' | 'waits'
  /** Answer to a create or reply with a used uuid: the first message with code 0 (default), or a refusal with 230049. */
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
