import type { BackoffOptions } from './backoff-options.ts'
import type { Resolved } from './resolved.ts'

/** How bots connect to Feishu, acknowledge events and send. */
export interface ConnectionOptions {
  /** Time limit of one attempt to connect, discovery and handshake together. Default: 20 000 ms. */
  readonly attemptTimeoutMs?: number | undefined
  /** Waits between the fast attempts. Default: `firstMs` 1 000, `maxMs` 60 000, `factor` 2, `jitter` 0.2. */
  readonly backoff?: BackoffOptions | undefined
  /** After this many failed attempts the bot shows `error` and goes on at the slowest pace, for ever. Default: 5. */
  readonly fastAttempts?: number | undefined
  /**
   * Stop after `fastAttempts` failed attempts and at refused credentials, until an operator asks for a connection or
   * changes the credentials. Default: false, so a bot tries for ever.
   */
  readonly giveUp?: boolean | undefined
  /** Wait after an error of Feishu's own servers. Default: 30 000 ms. */
  readonly serverErrorDelayMs?: number | undefined
  /** Wait after Feishu's answer "too many connections". Default: 300 000 ms. */
  readonly limitDelayMs?: number | undefined
  /** Wait after refused credentials; a change of the credentials ends it. Default: 1 800 000 ms. */
  readonly credentialsDelayMs?: number | undefined
  /** A connection that lived this long resets the count of failed attempts. Default: 10 000 ms. */
  readonly stableAfterMs?: number | undefined
  /** Longest silence after a ping, then the connection counts as dead. Feishu orders a ping every 90 or 120 s. Default: 15 000 ms. */
  readonly pongTimeoutMs?: number | undefined
  /** Shortest pause between pings that the gateway can order; at least 10. Default: 1 000 ms. */
  readonly minPingIntervalMs?: number | undefined
  /** Longest pause between pings, and the pause where the gateway orders none; at least 10. Default: 120 000 ms. */
  readonly maxPingIntervalMs?: number | undefined
  /**
   * How often Feishu is asked how many connections of the app it counts; 0: never. If it counts none, a connected bot
   * connects anew. If it counts more than this bot's own, the alert `foreign_client` is raised. Default: 300 000 ms.
   */
  readonly presenceCheckMs?: number | undefined
  /** A connection of this age is replaced by a fresh one, without a gap where `maxConnections` allows it; 0: never. Default: 0 ms. */
  readonly rotateEveryMs?: number | undefined
  /**
   * HTTP proxy for REST calls and long connections: `http://user:password@host:port` or `https://…`.
   * Default: none, a direct connection.
   */
  readonly proxy?: string | undefined
  /** Hosts that are reached without the proxy, with their subdomains; also `host:port` and `*`. Loopback never uses the proxy. Default: none. */
  readonly noProxy?: readonly string[] | undefined
  /** File of PEM certificates to trust beside Node's own, for example of a proxy that opens TLS. Default: none. */
  readonly caFile?: string | undefined
  /**
   * An event that is not stored after this time is refused, so that Feishu sends it again. At most 2 900, because
   * Feishu itself waits 3 000. Default: 2 500 ms.
   */
  readonly acceptTimeoutMs?: number | undefined
  /** How many events of one bot may wait for storage at a time; more are refused, and Feishu sends them again. Default: 512. */
  readonly creditWindow?: number | undefined
  /** Size limit of one event, in bytes. A larger event becomes a dead letter of its first 4 KiB. Default: 1 048 576 bytes. */
  readonly maxPayloadBytes?: number | undefined
  /** Text that a user sees after pressing a card that could not be taken or can never be handled. Default: `This did not work. Please try again.`. */
  readonly cardFailedText?: string | undefined
  /** Time limit of one REST call. Default: 10 000 ms. */
  readonly sendTimeoutMs?: number | undefined
}

/** What a bot worker is given: the file of certificates is read on the host. */
export type ResolvedConnectionOptions = Resolved<Omit<ConnectionOptions, 'proxy' | 'caFile'>> &
  Pick<ConnectionOptions, 'proxy'> & {
    /** PEM certificates that are trusted beside Node's own. */
    readonly ca?: string | undefined
  }
