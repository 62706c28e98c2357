import { createHash, timingSafeEqual } from 'node:crypto'
import { FeishuSupervisorError } from '../../core/errors.ts'
import { type ApiTokenRecord, type Authorize, parseApiToken, type Principal } from '../../protocol/model/access.ts'

/** Identifies the caller; null for an unknown caller. Rejects while that cannot be decided. `context`: the argument of `FeishuSupervisor.fetch`. */
export type Authenticate = (request: Request, context?: unknown) => Promise<Principal | null>

export interface AuthenticateDeps {
  /** Admin token from the option `apiToken`. */
  readonly apiToken?: string | undefined
  readonly authorize?: Authorize | undefined
  /** Reads a token from the store; null when the token is not valid now. */
  lookUp(id: string, secret: string): Promise<ApiTokenRecord | null>
}

/** Caller with the token of the option `apiToken`. */
const CONFIGURED: Principal = { id: 'configured', owner: 'admin', role: 'admin', scopes: ['read', 'write'] }

/** Time that a checked token stays valid while the database is away, milliseconds: status is needed most then. */
const REMEMBER_MS = 60_000

const MOST_REMEMBERED = 1_000

/** Creates the check of callers. Every request is checked again, so a revoked or expired token is refused at once. */
export function createAuthenticate({ apiToken, authorize, lookUp }: AuthenticateDeps): Authenticate {
  const remembered = new Map<string, { readonly principal: Principal; readonly at: number }>()

  const byToken = async (text: string): Promise<Principal | null> => {
    if (apiToken !== undefined && isSame(text, apiToken)) return CONFIGURED
    const token = parseApiToken(text)
    if (token === undefined) return null
    const key = digest(text).toString('hex')
    try {
      const record = await lookUp(token.id, token.secret)
      remembered.delete(key)
      if (record === null) return null
      const principal = toPrincipal(record)
      if (remembered.size >= MOST_REMEMBERED) remembered.clear()
      remembered.set(key, { principal, at: Date.now() })
      return principal
    } catch (thrown) {
      const known = remembered.get(key)
      const isAway = thrown instanceof FeishuSupervisorError && thrown.retryable
      if (isAway && known !== undefined && Date.now() - known.at < REMEMBER_MS) return known.principal
      throw thrown
    }
  }

  return async (request, context) => {
    if (authorize !== undefined) return await authorize(request, context)
    const [, text] = /^bearer ([\w.~+/=-]{1,512})$/i.exec(request.headers.get('authorization') ?? '') ?? []
    return text === undefined ? null : await byToken(text)
  }
}

function toPrincipal({ id, owner, role, scopes }: ApiTokenRecord): Principal {
  return { id, owner, role, scopes }
}

function isSame(given: string, wanted: string): boolean {
  return timingSafeEqual(digest(given), digest(wanted))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
