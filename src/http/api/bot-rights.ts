import { DEFAULT_HANDLER } from '../../protocol/chat.ts'
import type { HandlerOwners, Principal } from '../../protocol/model/access.ts'
import type { BotLimits, SettingChange } from '../../protocol/model/bot-settings.ts'
import { RequestRefused } from './problem.ts'

/** What a caller of the API may set of a bot is decided here, and only here. */
export interface BotRights {
  /** Origins that `domain` of a bot may name. The app secret is sent to it, so only the operator adds origins to Feishu's. */
  readonly allowedDomains: readonly string[]
  /** Owners that may give a bot a handler, by its name. `default` without owners is for everybody. */
  readonly handlerOwners: HandlerOwners
  /** Limits of the options. They hold for a bot that has none of its own. */
  readonly limits: Required<BotLimits>
}

interface Wanted {
  readonly domain?: string | undefined
  readonly owner?: string | undefined
  readonly handler?: string | undefined
  readonly limits?: SettingChange<BotLimits> | undefined
}

/** The bot as it is. */
interface Current {
  readonly handler?: string | undefined
  readonly limits: BotLimits
}

/** Throws `RequestRefused` for what the caller may not set. */
export function checkRights(
  { domain, owner, handler, limits = {} }: Wanted,
  current: Current,
  { role, owner: self }: Principal,
  rights: BotRights,
): void {
  if (domain !== undefined) checkDomain(domain, rights)
  if (role === 'admin') return
  if (owner !== undefined && owner !== self) {
    throw new RequestRefused(403, 'owner: only an admin may give a bot to another user')
  }
  if (handler !== undefined && handler !== current.handler && !mayGive(handler, self, rights)) {
    throw new RequestRefused(
      403,
      `handler: "${handler}" is given by an admin only; the operator can name owners who may (handlerOwners, FS_HANDLER_OWNERS)`,
    )
  }
  for (const field of Object.keys(limits) as (keyof BotLimits)[]) {
    const now = current.limits[field] ?? rights.limits[field] ?? 0
    const wanted = limits[field] ?? rights.limits[field] ?? 0
    if (sizeOf(field, wanted) <= sizeOf(field, now)) continue
    throw new RequestRefused(
      403,
      `limits.${field}: ${now} holds now; only an admin may set ${wanted}, which allows more`,
    )
  }
}

function mayGive(handler: string, owner: string, { handlerOwners }: BotRights): boolean {
  const owners = Object.hasOwn(handlerOwners, handler) ? handlerOwners[handler] : undefined
  return owners === undefined ? handler === DEFAULT_HANDLER : owners.includes(owner)
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
