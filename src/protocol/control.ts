import type { Finding } from './model/finding.ts'

/**
 * The control channel: comlink over its own MessagePort. The supervisor calls, the bot worker answers. Few, coarse,
 * idempotent calls with plain data. Comlink never settles a call to a thread that died, so callers race every call with
 * a deadline and the worker's exit.
 */
export interface BotControl {
  /** Starts the connection loop. Resolves at once; progress arrives as `connection` signals. */
  connect(): Promise<void>
  /** Replaces the app secret. A bot without its connection tries again at once. */
  reconfigure(change: { readonly appSecret: string }): Promise<void>
  /**
   * Replaces an open connection by a fresh one. Resolves when the old one is closed, or stays because no fresh one could
   * be opened. Without an overlap the old one is closed first. Does nothing for a bot that is not connected.
   */
  rotate(mayOverlap: boolean): Promise<void>
  /** Finds the obstacles between the bot and its app. Opens no connection. Takes as long as a few API calls. */
  check(useWebSocket: boolean): Promise<readonly Finding[]>
  /** Closes the connection after the acknowledgements in flight, at the latest after `graceMs`. Replies can still be sent. */
  drain(graceMs: number): Promise<void>
}
