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
 * The database as the rest of the supervisor thread sees it. Every method rejects with `STORE_UNAVAILABLE` (retryable)
 * while the database cannot be reached, within its statement timeout. All instants come from the database's clock; no
 * caller passes its own.
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
  /** Runs a trivial statement. Rejects when it fails. */
  ping(): Promise<void>
  /** Reads the version of the server, and the settings that decide what survives a crash of the server. */
  settings(): Promise<{ readonly version: string; readonly fsync: boolean; readonly synchronousCommit: boolean }>
  close(): Promise<void>
}
