import { z } from 'zod'
import { FeishuSupervisorError } from '../core/errors.ts'
import { describeIssues } from '../options.ts'
import type { BotChangeInput, BotInput } from '../protocol/host.ts'

const schema = z.strictObject({
  /** The app id from the developer console: `cli_` and 16 hexadecimal digits (the SDK accepts no other, silently). */
  appId: z
    .string()
    .regex(
      /^cli_[0-9a-fA-F]{16}$/,
      'expected cli_ followed by 16 hexadecimal digits, as the developer console shows it',
    ),
  /** The app secret; sealed before it is stored. */
  appSecret: z.string().min(1, 'must not be empty').max(256),
  /** How the bot is called in status and logs. Default: the app id. */
  name: z.string().min(1).max(100).optional(),
  /** Origin of the platform: Feishu, `https://open.larksuite.com` for Lark, or a simulator. Default `https://open.feishu.cn`. */
  domain: z
    .url({ protocol: /^https?$/, error: 'expected an origin such as https://open.feishu.cn' })
    // The SDK appends its paths to the domain as it stands: a trailing slash would double.
    .transform((url) => new URL(url).origin)
    .default('https://open.feishu.cn'),
  /** Long connection (true) or webhook mode (false). Default true. */
  useWebSocket: z.boolean().default(true),
  /** Where its worker runs: in a thread, or walled off in a process of its own, which costs about 50 MB more. Default `thread`. */
  isolation: z.enum(['thread', 'process']).default('thread'),
})

export type NewBotOptions = z.input<typeof schema>

/** Throws `CONFIG_INVALID` with one line per mistake; never repeats the secret. */
export function resolveNewBot(bot: NewBotOptions): BotInput {
  const parsed = schema.safeParse(bot)
  if (!parsed.success) throw new FeishuSupervisorError('CONFIG_INVALID', describeIssues(parsed.error))
  return { ...parsed.data, name: parsed.data.name ?? parsed.data.appId }
}

const changeSchema = z
  .strictObject({ name: schema.shape.name, appSecret: schema.shape.appSecret.optional() })
  .refine((change) => Object.values(change).some((value) => value !== undefined), {
    error: 'nothing to change: give name, appSecret or both',
  })

/** What `updateBot` can change. */
export type BotChange = z.input<typeof changeSchema>

/** Throws `CONFIG_INVALID` with one line per mistake; never repeats the secret. */
export function resolveBotChange(change: BotChange): BotChangeInput {
  const parsed = changeSchema.safeParse(change)
  if (!parsed.success) throw new FeishuSupervisorError('CONFIG_INVALID', describeIssues(parsed.error))
  return parsed.data
}
