import { Secret } from '../../src/core/log/secret.ts'
import type { BotRecord, BotReport } from '../../src/protocol/model/status.ts'
import type { Bot } from '../../src/store/store.ts'

const COMMON = {
  appId: 'cli_0000000000000001',
  domain: 'https://open.feishu.cn',
  owner: 'admin',
  enabled: true,
  useWebSocket: true,
  isolation: 'thread',
  handler: 'default',
  limits: {},
  policy: {},
  openId: null,
  createdAt: 0,
} as const

/** A bot as the store has it; what a test is not about is as usual. */
export function storedBot(id: string, more: Partial<Bot> = {}): Bot {
  const keys = { appSecret: new Secret('fake-secret'), encryptKey: null, verificationToken: null }
  return { ...COMMON, id, name: id, ...keys, ...more }
}

/** The same as it is shown. */
export function shownBot(id: string, more: Partial<BotRecord> = {}): BotRecord {
  return { ...COMMON, id, name: id, hasWebhookKeys: false, ...more }
}

/** A running bot without a connection, since its creation. */
export function botReport(
  bot: BotRecord,
  child: Partial<BotReport['child']> = {},
  connection: Partial<BotReport['connection']> = {},
): BotReport {
  const since = bot.createdAt
  return {
    botId: bot.id,
    name: bot.name,
    bot,
    connects: true,
    child: { state: 'running', since, incarnation: 1, restartsInWindow: 0, restartCount: 0, ...child },
    connection: { state: 'idle', since, attempt: 0, ...connection },
  }
}
