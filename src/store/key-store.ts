import type { Secret } from '../core/log/secret.ts'

/** The master key of a database. */
export interface KeyStore {
  /** Rejects with `MASTER_KEY_WRONG` when what is stored was sealed with a key that is not there. */
  check(): Promise<void>
  /** From now on this key seals; those before still open. */
  use(key: Secret): void
  /** Seals anew, row by row, what the current key did not seal. Answers how many bots; what is done stays done. */
  reseal(): Promise<number>
}
