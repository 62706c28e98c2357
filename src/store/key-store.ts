import type { Secret } from '../core/log/secret.ts'

/** The master key of a database. */
export interface KeyStore {
  /**
   * Checks the keys. Rejects with `MASTER_KEY_WRONG` when a stored secret was sealed with a key that is missing here.
   */
  check(): Promise<void>
  /** Makes `key` the key that seals from now on. Earlier keys still open. */
  use(key: Secret): void
  /**
   * Seals secrets anew that the current key did not seal, row by row. Returns the number of bots. Rows that are done
   * stay done after a failure.
   */
  reseal(): Promise<number>
}
