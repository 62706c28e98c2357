import { Secret, secretOrNull } from '../../../src/core/log/secret.ts'
import type { ResolvedConnectionOptions } from '../../../src/protocol/options/connection-options.ts'
import type { BotChange as BotChangeInput, BotInput } from '../../../src/protocol/model/bot-input.ts'
import type { BotRecord } from '../../../src/protocol/model/status.ts'
import type { Bot, BotChange, NewBot } from '../../../src/store/store.ts'
import type { BotSpec } from '../../../src/supervisor/bot-child.ts'

/** An Encrypt Key signs, a Verification Token names the app: with one of them alone anybody could write to the bot. */
export function hasWebhookKeys(bot: Bot): boolean {
  return bot.encryptKey !== null && bot.verificationToken !== null
}

export function wantsConnection({ enabled, useWebSocket }: Pick<Bot, 'enabled' | 'useWebSocket'>): boolean {
  return enabled && useWebSocket
}

/** A bot as it may be shown. */
export function toRecord(bot: Bot): BotRecord {
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

/** Secrets as secrets, and nothing that was not given. */
export function toNewBot({ appSecret, encryptKey, verificationToken, ...input }: BotInput): NewBot {
  const bot = {
    ...input,
    appSecret: new Secret(appSecret),
    encryptKey: secretOrNull(encryptKey),
    verificationToken: secretOrNull(verificationToken),
  }
  return onlyGiven(bot) as NewBot
}

/** The same for a change. */
export function toChange({ appSecret, encryptKey, verificationToken, ...rest }: BotChangeInput): BotChange {
  const change = {
    ...rest,
    appSecret: appSecret === undefined ? undefined : new Secret(appSecret),
    encryptKey: encryptKey === undefined ? undefined : secretOrNull(encryptKey),
    verificationToken: verificationToken === undefined ? undefined : secretOrNull(verificationToken),
  }
  return onlyGiven(change)
}

/** What a bot's worker is given. */
export function toSpec(
  { id: botId, name, appId, appSecret, domain, isolation, openId }: Bot,
  connection: ResolvedConnectionOptions,
): BotSpec {
  const isIdentified = openId !== null
  return { botId, name, appId, appSecret: appSecret.reveal(), domain, isolation, isIdentified, connection }
}

/** What keeps a bot from taking events, if it is not its worker or connection; `nextStep` is that of a bot without a worker. */
export function obstacleOf(bot: Bot, handlers: readonly string[], nextStep: string | undefined): string | undefined {
  if (!bot.enabled) return 'the bot is disabled'
  if (!handlers.includes(bot.handler)) {
    return (
      `its handler "${bot.handler}" is not among the options (${handlers.join(', ')}); its messages are stored and ` +
      'wait: start again with that handler, or give the bot another'
    )
  }
  if (bot.useWebSocket) return nextStep
  return hasWebhookKeys(bot)
    ? undefined
    : 'webhook mode needs the encryptKey and the verificationToken of the app; for a long connection set useWebSocket'
}

function onlyGiven(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
