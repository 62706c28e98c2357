export const SCOPES = ['read', 'write'] as const

export type Scope = (typeof SCOPES)[number]

/** The authenticated caller. */
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

export interface NewApiToken {
  readonly owner: string
  readonly role: 'admin' | 'user'
  readonly scopes: readonly Scope[]
  /** Purpose of the token. */
  readonly name: string
  /** Lifetime in milliseconds. Null: the token does not expire. */
  readonly expiresInMs: number | null
}

/** An API token without its secret. Instants are milliseconds since the epoch. */
export interface ApiTokenRecord extends Omit<NewApiToken, 'expiresInMs'> {
  readonly id: string
  readonly createdAt: number
  readonly expiresAt?: number
  readonly revokedAt?: number
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
