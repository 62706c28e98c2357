import { z } from '@hono/zod-openapi'
import { HANDLER_NAME } from '../../protocol/chat.ts'

const secret = z.string().min(1, 'must not be empty').max(256)

const handlerName = z.string().regex(HANDLER_NAME, 'expected the name of a handler: 1 to 64 letters, digits, _ or -')

const number = (least: number, most: number) => z.int().min(least).max(most).nullish()

/** Limits of a bot. A given field is changed; null resets the field to the options. */
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

/** Fields of a new bot in the API, on the handle and from a bot source. `NewBotOptions` documents them. */
export const botFields = {
  // The SDK silently ignores an app id of another form.
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
    // The SDK appends its paths to the domain unchanged, so a trailing slash would be doubled.
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
  // The default is false: a second connection takes part of the events away from another client of the app.
  useWebSocket: z.boolean().default(false).openapi({ description: 'Long connection (true) or webhook mode (false).' }),
}

/** Fields of a bot that can be changed, in the API and on the handle. Fields that are not given stay. */
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
