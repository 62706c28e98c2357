import type { FeishuSupervisor } from '../app/feishu-supervisor.ts'
import { FeishuSupervisorError } from '../core/errors.ts'
import type { CliContext } from './cli-context.ts'
import type { CliConfig } from './environment.ts'
import { withStore } from './admin.ts'

export interface TokenFlags {
  readonly user: string
  readonly admin?: boolean
  readonly readOnly?: boolean
  readonly name?: string
  readonly expiresInDays?: string
}

/** `tokens create`: makes a token and prints it. The token is never shown again. */
export async function createToken(
  { options }: CliConfig,
  flags: TokenFlags,
  { stdout }: Pick<CliContext, 'stdout'>,
): Promise<void> {
  const { user, admin, readOnly, name, expiresInDays } = flags
  await withStore(options, async (supervisor) => {
    const { record, token } = await supervisor.createToken(
      {
        owner: user,
        role: admin === true ? 'admin' : 'user',
        scopes: readOnly === true ? ['read'] : ['read', 'write'],
        ...(name === undefined ? {} : { name }),
        ...(expiresInDays === undefined ? {} : { expiresInDays: days(expiresInDays) }),
      },
      { by: CLI },
    )
    stdout.write(`${JSON.stringify({ ...record, token })}\n`)
  })
}

/** `tokens list`: one JSON line per token, newest first. */
export async function listTokens({ options }: CliConfig, { stdout }: Pick<CliContext, 'stdout'>): Promise<void> {
  await withStore(options, async (supervisor) => {
    for (const record of await supervisor.listTokens()) stdout.write(`${JSON.stringify(record)}\n`)
  })
}

/** `tokens revoke`. */
export async function revokeToken(
  { options }: CliConfig,
  id: string,
  { stdout }: Pick<CliContext, 'stdout'>,
): Promise<void> {
  await withStore(options, async (supervisor) => {
    await supervisor.revokeToken(id, { by: CLI })
    stdout.write(`${JSON.stringify({ id, revoked: true })}\n`)
  })
}

/** Makes an admin token unless a valid one exists; then undefined. Without an admin token the API could not be used. */
export async function firstToken(supervisor: FeishuSupervisor): Promise<string | undefined> {
  const tokens = await supervisor.listTokens()
  const isThere = tokens.some(
    ({ role, revokedAt, expiresAt }) =>
      role === 'admin' && revokedAt === undefined && (expiresAt === undefined || expiresAt > Date.now()),
  )
  if (isThere) return undefined
  const { token } = await supervisor.createToken(
    { owner: 'admin', role: 'admin', name: 'made at the first start', expiresInDays: null },
    { by: CLI },
  )
  return token
}

/** Actor in the audit log. */
const CLI = 'command line'

function days(text: string): number | null {
  if (text === 'never') return null
  if (/^\d{1,4}$/.test(text)) return Number(text)
  throw new FeishuSupervisorError(
    'CONFIG_INVALID',
    `--expires-in-days: expected a number of days or never, not ${JSON.stringify(text)}`,
  )
}
