/** Settings for the client, in seconds. Sent at discovery and with every pong. [R] */
export interface ClientConfig {
  /** How often a client tries to reconnect; -1: for ever. Default: -1. */
  readonly ReconnectCount: number
  /** Seconds between two attempts to reconnect. Default: 120 s. */
  readonly ReconnectInterval: number
  /** Largest random delay before the first attempt, in seconds. Default: 30 s. */
  readonly ReconnectNonce: number
  /** Seconds between two pings. Default: 120 s. */
  readonly PingInterval: number
}

/** Values seen in the field. [F] */
export const DEFAULT_CLIENT_CONFIG: ClientConfig = {
  ReconnectCount: -1,
  ReconnectInterval: 120,
  ReconnectNonce: 30,
  PingInterval: 120,
}
