export const SCOPES = ['read', 'write'] as const

export type Scope = (typeof SCOPES)[number]

/** The authenticated caller. */
/** Owners that may give a bot a handler, by the name of the handler. */
export type HandlerOwners = Readonly<Record<string, readonly string[]>>

export interface Principal {
  /** Name of the credential in the audit log. */
  readonly id: string
  /** The user. Bots belong to users. */
  readonly owner: string
  /** An admin sees the bots of all users. */
  readonly role: 'admin' | 'user'
  readonly scopes: readonly Scope[]
}

/** The host's own check instead of API tokens. Returns the caller, or null for an unknown caller. `context` is the second argument of `fetch`. */
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
  /** Purpose of the token. */
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
  /** Name of the caller in the audit log. Default: `host`. */
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

/** Action of an administrator, successful or not. */
export interface AuditEntry {
  readonly id: number
  /** Milliseconds since the epoch. */
  readonly at: number
  /** The user and the credential. */
  readonly actor: string
  /** Name of the action, e.g. `bot.change`. */
  readonly action: string
  /** Id of the bot, token or event. */
  readonly subject: string
  /** Names of the given fields, never their values. */
  readonly fields: readonly string[]
  /** Error code, if the action failed. */
  readonly error?: string
}

/** Form of a token: `fs_<id>_<secret>`. The id finds the row, the secret proves the right. */
const TOKEN = /^fs_([0-9a-f]{12})_([\w-]{43})$/

export function parseApiToken(text: string): { readonly id: string; readonly secret: string } | undefined {
  const [, id, secret] = TOKEN.exec(text) ?? []
  return id === undefined || secret === undefined ? undefined : { id, secret }
}
