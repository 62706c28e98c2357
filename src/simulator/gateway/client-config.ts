/** Settings for the client, in seconds. Sent at discovery and with every pong. [R] */
export interface ClientConfig {
  /** Number of reconnects. -1: no limit. */
  readonly ReconnectCount: number
  readonly ReconnectInterval: number
  /** Largest random delay before the first reconnect, seconds. */
  readonly ReconnectNonce: number
  readonly PingInterval: number
}

/** Values seen in the field. [F] */
export const DEFAULT_CLIENT_CONFIG: ClientConfig = {
  ReconnectCount: -1,
  ReconnectInterval: 120,
  ReconnectNonce: 30,
  PingInterval: 120,
}
