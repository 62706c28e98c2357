import { FeishuSupervisorError, errorText } from '../../core/errors.ts'

/**
 * Meaning of a database failure. `conflict`: two statements met, and the same statement may succeed at once.
 * `unavailable`: the database, its network or its set-up has a problem, and the same call may succeed later. A failure
 * that is not listed is a bug of this package.
 */
type Meaning = 'conflict' | 'unavailable'

/** Meanings by SQLSTATE, or by its class (first two characters). */
const SQLSTATES: Readonly<Record<string, Meaning>> = {
  '40001': 'conflict', // serialization_failure
  '40P01': 'conflict', // deadlock_detected
  '08': 'unavailable', // connection exceptions
  '28': 'unavailable', // wrong password, no entry in pg_hba.conf
  '3D': 'unavailable', // no such database
  '53': 'unavailable', // disk full, out of memory, too many connections
  '57': 'unavailable', // terminated, shutting down, starting up, statement timeout
  '58': 'unavailable', // I/O error
  '25006': 'unavailable', // read-only: a standby, or a server that protects its disk
  '42501': 'unavailable', // privileges are missing; an operator can grant them
  '55P03': 'unavailable', // lock timeout
  XX000: 'unavailable', // internal error of the server, or of a pooler in front of it
}

/** Node's codes of socket, DNS and TLS errors. All mean `unavailable`. */
const NODE_CODES =
  /^(E(CONNREFUSED|CONNRESET|CONNABORTED|PIPE|TIMEDOUT|HOSTUNREACH|HOSTDOWN|NETUNREACH|NETDOWN|NOTFOUND|AI_AGAIN)|ERR_(SSL|TLS|SOCKET|STREAM)_\w+)$/

/** Messages of the `pg` client for a connection that is lost or cannot be made. Its errors have no code. */
const CLIENT_MESSAGES =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|Query read timeout|timeout exceeded when trying to connect|timeout expired|Cannot use a pool after)/

/** What an operator can do, by SQLSTATE, when the server's own message does not say it. */
const MENDS: Readonly<Record<string, string>> = {
  '28P01': 'check user and password in the database URL',
  '28000': 'check the user in the database URL and the server’s pg_hba.conf',
  '3D000': 'create the database, or correct its name in the database URL',
  '53300': 'raise max_connections of the server or close other clients',
  '25006': 'point the database URL at the primary server',
  '42501': 'grant the user of the database URL the right it lacks',
}

/** Finds the SQLSTATE or Node code of a thrown value, also inside its causes. */
export function codeOf(thrown: unknown): string | undefined {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 5; error = error.cause, depth++) {
    if ('code' in error && typeof error.code === 'string') return error.code
  }
  return undefined
}

export function meaningOf(thrown: unknown): Meaning | undefined {
  const code = codeOf(thrown)
  if (code === undefined) return CLIENT_MESSAGES.test(errorText(rootOf(thrown))) ? 'unavailable' : undefined
  if (NODE_CODES.test(code)) return 'unavailable'
  return SQLSTATES[code] ?? SQLSTATES[code.slice(0, 2)]
}

/** Turns a failure of the database into an error of this package. Errors of this package pass unchanged. */
export function toStoreError(thrown: unknown, doing: string): FeishuSupervisorError {
  if (thrown instanceof FeishuSupervisorError) return thrown
  if (meaningOf(thrown) !== undefined) return unavailable(thrown, doing)
  const code = codeOf(thrown)
  const root = rootOf(thrown)
  const detail = code === undefined ? errorText(root) : `${errorText(root)} (${code})`
  return new FeishuSupervisorError('INTERNAL', `the store failed while ${doing}: ${detail}`, { cause: root })
}

export function unavailable(thrown: unknown, doing: string): FeishuSupervisorError {
  if (thrown instanceof FeishuSupervisorError) return thrown
  const code = codeOf(thrown)
  const mend = code === undefined ? undefined : MENDS[code]
  const root = rootOf(thrown)
  const detail = [errorText(root), code && `(${code})`, mend && `- ${mend}`].filter(Boolean).join(' ')
  return new FeishuSupervisorError('STORE_UNAVAILABLE', `the database is unavailable while ${doing}: ${detail}`, {
    cause: root,
  })
}

/** Returns the innermost error, because wrappers repeat the statement and its values. */
function rootOf(thrown: unknown): unknown {
  let error = thrown
  for (let depth = 0; depth < 5 && error instanceof Error && error.cause instanceof Error; depth++) error = error.cause
  return error
}
