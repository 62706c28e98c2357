/** What the client is told to do, in seconds; sent at discovery and with every pong. [R] */
export interface ClientConfig {
  /** -1 = try for ever. */
  readonly ReconnectCount: number
  readonly ReconnectInterval: number
  /** Largest random delay before the first reconnect. */
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
