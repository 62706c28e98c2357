import type { Principal } from '../../protocol/model/access.ts'
import type { BotReport, SupervisorStatus } from '../../protocol/model/status.ts'

/** Decides whether a caller may see and change a bot. It is the only place that does. */
export function mayUse({ role, owner }: Principal, bot: { readonly owner: string }): boolean {
  return role === 'admin' || owner === bot.owner
}

export function botsOf(principal: Principal, { bots }: Pick<SupervisorStatus, 'bots'>): BotReport[] {
  return bots.filter(({ bot }) => mayUse(principal, bot))
}

/** Undefined for an unknown bot and for a bot of another user, so that a caller cannot distinguish them. */
export function botOf(principal: Principal, status: Pick<SupervisorStatus, 'bots'>, id: string): BotReport | undefined {
  return botsOf(principal, status).find(({ botId }) => botId === id)
}

/** Bot ids whose messages a caller may list. Null: all messages, also those of removed bots. */
export function botIdsOf(principal: Principal, status: Pick<SupervisorStatus, 'bots'>): readonly string[] | null {
  return principal.role === 'admin' ? null : botsOf(principal, status).map(({ botId }) => botId)
}

/** Name of the caller in the audit log. */
export function actorOf({ owner, id }: Principal): string {
  return `${owner} (${id})`
}
