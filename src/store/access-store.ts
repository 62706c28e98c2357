import type { ApiTokenRecord, AuditEntry, NewApiToken } from '../protocol/model/access.ts'
import type { Page } from '../protocol/model/message-log.ts'

/** API tokens and the record of what was done with them. Of a token only the hash of its secret is stored. */
export interface AccessStore {
  /** `token` is shown once and cannot be had again. */
  createToken(token: NewApiToken): Promise<{ readonly record: ApiTokenRecord; readonly token: string }>
  /** Newest first, revoked and expired ones too. */
  listTokens(): Promise<ApiTokenRecord[]>
  /** False when there is no such token, or it is revoked already. */
  revokeToken(id: string): Promise<boolean>
  /**
   * Null unless the token exists, the secret is right, and it is neither revoked nor expired by the database's clock.
   */
  authenticate(id: string, secret: string): Promise<ApiTokenRecord | null>
  audit(entry: Omit<AuditEntry, 'id' | 'at'>): Promise<void>
  /** Newest first. */
  auditLog(query: { readonly limit: number; readonly offset: number }): Promise<Page<AuditEntry>>
}
