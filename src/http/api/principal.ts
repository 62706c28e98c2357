import type { Principal } from '../../protocol/model/access.ts'
import type { BotReport, SupervisorStatus } from '../../protocol/model/status.ts'

/** The only place that decides whose bots somebody may see and change. */
export function mayUse({ role, owner }: Principal, bot: { readonly owner: string }): boolean {
  return role === 'admin' || owner === bot.owner
}

export function botsOf(principal: Principal, { bots }: Pick<SupervisorStatus, 'bots'>): BotReport[] {
  return bots.filter(({ bot }) => mayUse(principal, bot))
}

/** Undefined for a bot that is missing and for a foreign one alike: nobody learns which it is. */
export function botOf(principal: Principal, status: Pick<SupervisorStatus, 'bots'>, id: string): BotReport | undefined {
  return botsOf(principal, status).find(({ botId }) => botId === id)
}

/** What a list of messages may hold: null means all, those of bots that are gone among them. */
export function botIdsOf(principal: Principal, status: Pick<SupervisorStatus, 'bots'>): readonly string[] | null {
  return principal.role === 'admin' ? null : botsOf(principal, status).map(({ botId }) => botId)
}

/** How the audit log names whoever asks. */
export function actorOf({ owner, id }: Principal): string {
  return `${owner} (${id})`
}
