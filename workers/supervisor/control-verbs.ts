import type { HostControl } from '../../src/protocol/host.ts'
import type { AccessStore, Store } from '../../src/store/store.ts'
import type { Audited } from './audited.ts'
import type { BotAdmin } from './bots/bot-admin.ts'
import { result } from '../../src/protocol/model/result.ts'

type BotVerbs = 'addBot' | 'listBots' | 'updateBot' | 'removeBot' | 'restartBot'
type MessageVerbs = 'listMessages' | 'getMessage' | 'listDeadLetters' | 'resubmit'
type AccessVerbs = 'createToken' | 'listTokens' | 'revokeToken' | 'authenticate' | 'auditLog'

/** Verbs of `HostControl` about bots. */
export function botVerbs(bots: BotAdmin, audited: Audited): Pick<HostControl, BotVerbs> {
  return {
    addBot: (bot, by) =>
      result(() =>
        audited(
          { by, action: 'bot.add', fields: Object.keys(bot) },
          () => bots.add(bot),
          ({ id }) => id,
        ),
      ),
    listBots: () => result(() => bots.list()),
    updateBot: (botId, change, by) =>
      result(() =>
        audited({ by, action: 'bot.change', subject: botId, fields: Object.keys(change) }, () =>
          bots.update(botId, change),
        ),
      ),
    removeBot: (botId, by) =>
      result(() => audited({ by, action: 'bot.remove', subject: botId }, () => bots.remove(botId))),
    restartBot: (botId, by) =>
      result(() => audited({ by, action: 'bot.restart', subject: botId }, () => bots.restart(botId))),
  }
}

/** Verbs of `HostControl` about API tokens and the audit log. */
export function accessVerbs(access: () => AccessStore, audited: Audited): Pick<HostControl, AccessVerbs> {
  return {
    createToken: (token, by) =>
      result(() =>
        audited(
          { by, action: 'token.create', fields: [token.owner, token.role, ...token.scopes] },
          async () => await access().createToken(token),
          ({ record }) => record.id,
        ),
      ),
    listTokens: () => result(async () => await access().listTokens()),
    revokeToken: (id, by) =>
      result(() => audited({ by, action: 'token.revoke', subject: id }, async () => await access().revokeToken(id))),
    authenticate: (id, secret) => result(async () => await access().authenticate(id, secret)),
    auditLog: (query) => result(async () => await access().auditLog(query)),
  }
}

/** Verbs of `HostControl` about stored events and dead letters. `wake` is called after an event was put back. */
export function messageVerbs(
  store: () => Pick<Store, 'inbox' | 'log'>,
  audited: Audited,
  wake: () => void,
): Pick<HostControl, MessageVerbs> {
  return {
    listMessages: (query) => result(() => store().log.list(query)),
    getMessage: (eventId) => result(() => store().log.get(eventId)),
    listDeadLetters: ({ before, ...query }) =>
      result(async () => {
        const { inbox, log } = store()
        if (before === undefined) return await log.deadLetters(query)
        const items = await inbox.deadLetters({ limit: query.limit, offset: query.offset, before })
        const { total } = await log.deadLetters({ ...query, limit: 0 })
        return { items, total }
      }),
    resubmit: (letter, by) =>
      result(() =>
        audited({ by, action: 'dead_letter.resubmit', subject: String(letter.eventId) }, async () => {
          const isBack = await store().inbox.resubmit(letter)
          if (isBack) wake()
          return isBack
        }),
      ),
  }
}
