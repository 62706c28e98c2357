export const SCOPES = ['read', 'write'] as const

export type Scope = (typeof SCOPES)[number]

/** Whoever asks, once that is proven. */
export interface Principal {
  /** Names the credential in the audit log. */
  readonly id: string
  /** The user; bots belong to users. */
  readonly owner: string
  /** An admin sees the bots of all users. */
  readonly role: 'admin' | 'user'
  readonly scopes: readonly Scope[]
}

/** A host's own check instead of API tokens: who asks, or null for a stranger. `context` is what it gave to `fetch` beside the request. */
export type Authorize = (request: Request, context: unknown) => Principal | null | Promise<Principal | null>

/** An API token to make. */
export interface NewTokenOptions {
  /** The user it speaks for, who sees the bots of that owner: 1 to 64 letters, digits or any of `. _ @ -`. Required. */
  readonly owner: string
  /** An `admin` sees the bots of all users, tokens and the audit log. Default: `user`. */
  readonly role?: 'admin' | 'user' | undefined
  /** What it may do: `read`, and `write` for everything that changes something. Default: `['read', 'write']`. */
  readonly scopes?: readonly Scope[] | undefined
  /** What it is for, at most 100 characters. Default: empty. */
  readonly name?: string | undefined
  /** Days until it expires, at most 3 650; null: never. Default: 90 days. */
  readonly expiresInDays?: number | null | undefined
}

/** An API token as it may be shown. Instants are milliseconds since the epoch. */
export interface ApiTokenRecord {
  readonly id: string
  readonly owner: string
  readonly role: 'admin' | 'user'
  readonly scopes: readonly Scope[]
  /** What it is for. */
  readonly name: string
  readonly createdAt: number
  /** Absent: it does not expire. */
  readonly expiresAt?: number
  readonly revokedAt?: number
}

/** An API token to make, checked. */
export interface NewApiToken extends Pick<ApiTokenRecord, 'owner' | 'role' | 'scopes' | 'name'> {
  /** Milliseconds; null: it does not expire. */
  readonly expiresInMs: number | null
}

/** Whose order it is. */
export interface AuditOptions {
  /** Name in the audit log of whoever gives the order. Default: `host`. */
  readonly by?: string | undefined
}

/** A page of the audit log. */
export interface AuditQuery {
  /** How many entries. Default: 20. */
  readonly limit?: number | undefined
  /** How many of the newest are left out. Default: 0. */
  readonly offset?: number | undefined
}

/** A new API token. */
export interface NewToken {
  readonly record: ApiTokenRecord
  /** The bearer token itself, which is shown this once: only a hash is stored. */
  readonly token: string
}

/** What an administrator did, or tried to. */
export interface AuditEntry {
  readonly id: number
  /** Milliseconds since the epoch. */
  readonly at: number
  /** The user and the credential. */
  readonly actor: string
  /** For example `bot.change`. */
  readonly action: string
  /** The bot, token or event it was about. */
  readonly subject: string
  /** Names of fields that were given, never their values. */
  readonly fields: readonly string[]
  /** Why it failed, if it did: an error code. */
  readonly error?: string
}

/** `fs_<id>_<secret>`: the id finds the row, the secret proves the right. */
const TOKEN = /^fs_([0-9a-f]{12})_([\w-]{43})$/

export function parseApiToken(text: string): { readonly id: string; readonly secret: string } | undefined {
  const [, id, secret] = TOKEN.exec(text) ?? []
  return id === undefined || secret === undefined ? undefined : { id, secret }
}
