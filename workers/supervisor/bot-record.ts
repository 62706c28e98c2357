import { Secret } from '../../src/core/secret.ts'
import type { BotChangeInput, BotInput } from '../../src/protocol/host.ts'
import type { BotRecord } from '../../src/protocol/status.ts'
import type { Bot, BotChange, NewBot } from '../../src/store/store.ts'

/** An Encrypt Key signs, a Verification Token names the app: with one of them alone anybody could write to the bot. */
export function hasWebhookKeys(bot: Bot): boolean {
  return bot.encryptKey !== null && bot.verificationToken !== null
}

export function wantsConnection({ enabled, useWebSocket }: Pick<Bot, 'enabled' | 'useWebSocket'>): boolean {
  return enabled && useWebSocket
}

export function record(bot: Bot): BotRecord {
  const { id, name, appId, domain, owner, enabled, useWebSocket, isolation, handler, createdAt } = bot
  const { limits, policy, openId } = bot
  const shown = {
    id,
    name,
    appId,
    domain,
    owner,
    enabled,
    useWebSocket,
    isolation,
    handler,
    createdAt,
    limits,
    policy,
    openId,
  }
  return { ...shown, hasWebhookKeys: hasWebhookKeys(bot) }
}

export function toNewBot({ appSecret, encryptKey, verificationToken, ...input }: BotInput): NewBot {
  const bot = {
    ...input,
    appSecret: new Secret(appSecret),
    encryptKey: secretOrNull(encryptKey),
    verificationToken: secretOrNull(verificationToken),
  }
  return onlyGiven(bot) as NewBot
}

export function toChange({ appSecret, encryptKey, verificationToken, ...rest }: BotChangeInput): BotChange {
  const change = {
    ...rest,
    appSecret: appSecret === undefined ? undefined : new Secret(appSecret),
    encryptKey: encryptKey === undefined ? undefined : secretOrNull(encryptKey),
    verificationToken: verificationToken === undefined ? undefined : secretOrNull(verificationToken),
  }
  return onlyGiven(change)
}

function onlyGiven(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

function secretOrNull(value: string | null | undefined): Secret | null {
  return value === null || value === undefined ? null : new Secret(value)
}
