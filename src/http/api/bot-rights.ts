import type { Principal } from '../../protocol/model/access.ts'
import type { BotLimits, SettingChange } from '../../protocol/model/bot-settings.ts'
import { RequestRefused } from './problem.ts'

/** What a caller of the API may set of a bot is decided here, and only here. */
export interface BotRights {
  /** Origins that `domain` of a bot may name. The app secret is sent to it, so only the operator adds origins to Feishu's. */
  readonly allowedDomains: readonly string[]
  /** Limits of the options. They hold for a bot that has none of its own. */
  readonly limits: Required<BotLimits>
}

interface Wanted {
  readonly domain?: string | undefined
  readonly owner?: string | undefined
  readonly limits?: SettingChange<BotLimits> | undefined
}

/**
 * Throws `RequestRefused` for what the caller may not set. `current`: the limits of the bot as it is; of a new bot none.
 */
export function checkRights(
  { domain, owner, limits = {} }: Wanted,
  current: BotLimits,
  { role, owner: self }: Principal,
  rights: BotRights,
): void {
  if (domain !== undefined) checkDomain(domain, rights)
  if (role === 'admin') return
  if (owner !== undefined && owner !== self) {
    throw new RequestRefused(403, 'owner: only an admin may give a bot to another user')
  }
  for (const field of Object.keys(limits) as (keyof BotLimits)[]) {
    const now = current[field] ?? rights.limits[field] ?? 0
    const wanted = limits[field] ?? rights.limits[field] ?? 0
    if (sizeOf(field, wanted) <= sizeOf(field, now)) continue
    throw new RequestRefused(
      403,
      `limits.${field}: ${now} holds now; only an admin may set ${wanted}, which allows more`,
    )
  }
}

function checkDomain(domain: string, { allowedDomains }: BotRights): void {
  if (allowedDomains.includes(domain)) return
  throw new RequestRefused(
    400,
    `domain: ${domain} is not allowed here, only ${allowedDomains.join(', ')}: the operator can add it to allowedDomains (FS_ALLOWED_DOMAINS)`,
  )
}

/** How much a limit allows. */
function sizeOf(field: keyof BotLimits, value: number): number {
  return field === 'maxAgeMs' && value === 0 ? Number.POSITIVE_INFINITY : value
}
