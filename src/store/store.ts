import type { MessageLog } from '../protocol/model/message-log.ts'
import type { AccessStore } from './access-store.ts'
import type { BotStore } from './bot-store.ts'
import type { InboxStore } from './inbox-store.ts'
import type { InstanceStore } from './instance-store.ts'
import type { KeyStore } from './key-store.ts'
import type { ReplyStore } from './reply-store.ts'

export type * from './access-store.ts'
export type * from './bot-store.ts'
export type * from './inbox-store.ts'
export type * from './instance-store.ts'
export type * from './key-store.ts'
export type * from './reply-store.ts'

/**
 * What the rest of the supervisor thread knows of the database. Every method rejects with
 * `STORE_UNAVAILABLE` (retryable) while the database cannot be reached, within its statement timeout.
 * All instants are the database's clock; no caller passes its own.
 */
export interface Store {
  readonly kind: 'pglite' | 'postgres'
  readonly bots: BotStore
  readonly inbox: InboxStore
  readonly replies: ReplyStore
  readonly instances: InstanceStore
  readonly log: MessageLog
  readonly access: AccessStore
  readonly keys: KeyStore
  /** Rejects unless a statement goes through. */
  ping(): Promise<void>
  /** How the server was set up, as far as it decides what survives a crash of it. */
  settings(): Promise<{ readonly version: string; readonly fsync: boolean; readonly synchronousCommit: boolean }>
  close(): Promise<void>
}
