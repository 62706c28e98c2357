import type { ApiTokenRecord, AuditEntry, NewApiToken } from '../protocol/model/access.ts'
import type { Page } from '../protocol/model/message-log.ts'

/** API tokens and the audit log. Only the hash of a token's secret is stored. */
export interface AccessStore {
  /** Creates a token. The secret `token` is returned only here and cannot be read again. */
  createToken(token: NewApiToken): Promise<{ readonly record: ApiTokenRecord; readonly token: string }>
  /** Lists all tokens, newest first, revoked and expired ones too. */
  listTokens(): Promise<ApiTokenRecord[]>
  /** Revokes a token. False when there is no such token, or when it is revoked already. */
  revokeToken(id: string): Promise<boolean>
  /**
   * Returns the token if it exists and the secret is right. Null otherwise, and for a token that is revoked or expired
   * by the database's clock.
   */
  authenticate(id: string, secret: string): Promise<ApiTokenRecord | null>
  audit(entry: Omit<AuditEntry, 'id' | 'at'>): Promise<void>
  /** Lists audit entries, newest first. */
  auditLog(query: { readonly limit: number; readonly offset: number }): Promise<Page<AuditEntry>>
}
