import type { Finding } from './model/finding.ts'

/**
 * The control wire: comlink over its own MessagePort, supervisor calls, bot worker answers.
 * Few, coarse, idempotent verbs with plain data. Comlink never settles a call to a thread that
 * died, so callers race every call with a deadline and the worker's exit.
 */
export interface BotControl {
  /** Starts the connection loop. Resolves at once; progress arrives as `connection` signals. */
  connect(): Promise<void>
  /** From now on the bot has this secret; a connection that is missing is tried for at once. */
  reconfigure(change: { readonly appSecret: string }): Promise<void>
  /**
   * Replaces an open connection by a fresh one; resolves when the old one is closed, or stays because there is no
   * fresh one. Without an overlap the old one is closed first. Nothing happens to a bot that is not connected.
   */
  rotate(mayOverlap: boolean): Promise<void>
  /** What stands between the bot and its app; opens no connection. Takes as long as a few calls may take. */
  check(useWebSocket: boolean): Promise<readonly Finding[]>
  /** Closes the connection after the acknowledgements in flight, at the latest after `graceMs`; replies can still be sent. */
  drain(graceMs: number): Promise<void>
}
