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

/** The fields of a bot as users give them, in the API and on the handle. */
export const botFields = {
  /** The app id from the developer console: `cli_` and 16 hexadecimal digits (the SDK accepts no other, silently). */
  appId: z
    .string()
    .regex(
      /^cli_[0-9a-fA-F]{16}$/,
      'expected cli_ followed by 16 hexadecimal digits, as the developer console shows it',
    ),
  /** The app secret; sealed before it is stored. */
  appSecret: secret,
  /** The Encrypt Key of the app's event subscription; webhook mode needs it and the next. Sealed too. */
  encryptKey: secret.nullish(),
  /** The Verification Token beside it. */
  verificationToken: secret.nullish(),
  /** How the bot is called in status and logs. Default: the app id. */
  name: z.string().min(1).max(100).optional(),
  /** Origin of the platform: Feishu, `https://open.larksuite.com` for Lark, or a simulator. Default `https://open.feishu.cn`. */
  domain: z
    .url({ protocol: /^https?$/, error: 'expected an origin such as https://open.feishu.cn' })
    // The SDK appends its paths to the domain as it stands: a trailing slash would double.
    .transform((url) => new URL(url).origin)
    .default('https://open.feishu.cn'),
  /** Where its worker runs: in a thread, or walled off in a process of its own, which costs about 50 MB more. Default `thread`. */
  isolation: z.enum(['thread', 'process']).optional(),
  /** Which of the handlers in the options answers for it, by name. Default `default`. */
  handler: handlerName.optional(),
  /** What is different from the options: messages that begin per second and at once, replies per second, age and time limits in milliseconds. */
  limits: botLimits.optional(),
  /** Which messages it answers, where that differs from the options (`messages.answers`). */
  policy: botPolicy.optional(),
  /** Whose bot it is: the user of the API tokens that may see and change it. Default `admin`. */
  owner: z
    .string()
    .regex(/^[\w.@-]{1,64}$/, 'expected 1 to 64 letters, digits or any of . _ @ -')
    .optional(),
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
  /** A bot that is not has no worker and takes no events. */
  enabled: z.boolean().optional(),
  /** Long connection (true) or webhook mode (false). */
  useWebSocket: z.boolean().optional(),
}
