import { z } from '@hono/zod-openapi'
import { HANDLER_NAME } from '../../protocol/chat.ts'

const secret = z.string().min(1, 'must not be empty').max(256)

const handlerName = z.string().regex(HANDLER_NAME, 'expected the name of a handler: 1 to 64 letters, digits, _ or -')

const number = (least: number, most: number) => z.int().min(least).max(most).nullish()

/** Fields that are given are changed, null takes one back to the options. */
export const botLimits = z
  .strictObject({
    inboundPerSecond: number(1, 10_000),
    inboundBurst: number(1, 100_000),
    repliesPerSecond: number(1, 1_000),
    maxAgeMs: number(0, 2_147_483_647),
    handlerTimeoutMs: number(1, 2_147_483_647),
  })
  .openapi('BotLimits')

const ids = z
  .array(z.string().regex(/^[\w-]{1,100}$/, 'expected an id such as oc_… or ou_…'))
  .max(1_000)
  .readonly()
  .nullish()

export const botPolicy = z
  .strictObject({
    groups: z.enum(['mentioned', 'all', 'none']).nullish(),
    bots: z.enum(['ignore', 'answer']).nullish(),
    chats: ids,
    users: ids,
  })
  .openapi('BotPolicy')

/** The fields of a bot as users give them, in the API, on the handle and from a bot source; `NewBotOptions` says what they mean. */
export const botFields = {
  // The SDK accepts no other form, silently.
  appId: z
    .string()
    .regex(
      /^cli_[0-9a-fA-F]{16}$/,
      'expected cli_ followed by 16 hexadecimal digits, as the developer console shows it',
    ),
  appSecret: secret,
  encryptKey: secret.nullish(),
  verificationToken: secret.nullish(),
  name: z.string().min(1).max(100).optional(),
  domain: z
    .url({ protocol: /^https?$/, error: 'expected an origin such as https://open.feishu.cn' })
    // The SDK appends its paths to the domain as it stands: a trailing slash would double.
    .transform((url) => new URL(url).origin)
    .default('https://open.feishu.cn'),
  isolation: z.enum(['thread', 'process']).optional(),
  handler: handlerName.optional(),
  limits: botLimits.optional(),
  policy: botPolicy.optional(),
  owner: z
    .string()
    .regex(/^[\w.@-]{1,64}$/, 'expected 1 to 64 letters, digits or any of . _ @ -')
    .optional(),
  // A bot that nobody told to connect does not: another client of the app would lose part of its events to it.
  useWebSocket: z.boolean().default(false).openapi({ description: 'Long connection (true) or webhook mode (false).' }),
}

/** What of a bot can be changed, in the API and on the handle; what is not given stays. */
export const changeFields = {
  name: botFields.name,
  appSecret: botFields.appSecret.optional(),
  encryptKey: botFields.encryptKey,
  verificationToken: botFields.verificationToken,
  domain: botFields.domain.unwrap().optional(),
  owner: botFields.owner,
  handler: botFields.handler,
  limits: botFields.limits,
  policy: botFields.policy,
  enabled: z.boolean().optional(),
  useWebSocket: z.boolean().optional(),
}
