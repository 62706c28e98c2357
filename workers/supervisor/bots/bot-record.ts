import { Secret, secretOrNull } from '../../../src/core/log/secret.ts'
import type { ResolvedConnectionOptions } from '../../../src/protocol/options/connection-options.ts'
import type { BotChange as BotChangeInput, BotInput } from '../../../src/protocol/model/bot-input.ts'
import type { BotRecord } from '../../../src/protocol/model/status.ts'
import type { Bot, StoredBotChange, NewBot } from '../../../src/store/store.ts'
import type { BotSpec } from '../../../src/supervisor/spawn.ts'

/** True with both keys. The Encrypt Key signs, the Verification Token names the app: with only one of them, a stranger could write to the bot. */
export function hasWebhookKeys(bot: Bot): boolean {
  return bot.encryptKey !== null && bot.verificationToken !== null
}

export function wantsConnection({ enabled, useWebSocket }: Pick<Bot, 'enabled' | 'useWebSocket'>): boolean {
  return enabled && useWebSocket
}

/** Record of a bot without its secrets. */
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

/** Wraps the secrets in `Secret` and leaves out undefined fields. */
export function toNewBot({ appSecret, encryptKey, verificationToken, ...input }: BotInput): NewBot {
  const bot = {
    ...input,
    appSecret: new Secret(appSecret),
    encryptKey: secretOrNull(encryptKey),
    verificationToken: secretOrNull(verificationToken),
  }
  return onlyGiven(bot) as NewBot
}

/** Wraps the secrets of a change like `toNewBot`. */
export function toChange({ appSecret, encryptKey, verificationToken, ...rest }: BotChangeInput): StoredBotChange {
  const change = {
    ...rest,
    appSecret: appSecret === undefined ? undefined : new Secret(appSecret),
    encryptKey: encryptKey === undefined ? undefined : secretOrNull(encryptKey),
    verificationToken: verificationToken === undefined ? undefined : secretOrNull(verificationToken),
  }
  return onlyGiven(change)
}

/** Specification that a bot's worker starts with. */
export function toSpec(
  { id: botId, name, appId, appSecret, domain, isolation, openId }: Bot,
  connection: ResolvedConnectionOptions,
): BotSpec {
  const isIdentified = openId !== null
  return { botId, name, appId, appSecret: appSecret.reveal(), domain, isolation, isIdentified, connection }
}

/** Reason why a bot takes no events, apart from faults of its worker and connection. `nextStep`: that of a bot without a worker. */
export function obstacleOf(bot: Bot, handlers: readonly string[], nextStep: string | undefined): string | undefined {
  if (!bot.enabled) return 'the bot is disabled'
  if (!handlers.includes(bot.handler)) {
    return (
      `its handler "${bot.handler}" is not among the options (${handlers.join(', ')}); its messages are stored and ` +
      'wait: start the process with that handler, or give the bot another handler'
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
