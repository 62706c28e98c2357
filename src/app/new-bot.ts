import { z } from 'zod'
import { FeishuSupervisorError } from '../core/errors.ts'
import { botFields } from '../http/bot-schema.ts'
import { describeIssues } from '../options.ts'
import type { BotChangeInput, BotInput } from '../protocol/host.ts'

const schema = z.strictObject({
  ...botFields,
  /** Long connection (true) or webhook mode (false). Default true. */
  useWebSocket: z.boolean().default(true),
})

const changeSchema = z
  .strictObject({
    ...botFields,
    appId: z.never('an app id stays: remove the bot and add another').optional(),
    appSecret: botFields.appSecret.optional(),
    domain: botFields.domain.unwrap().optional(),
    useWebSocket: z.boolean().optional(),
    /** A bot that is not has no worker and takes no events. */
    enabled: z.boolean().optional(),
  })
  .refine(
    (change) => Object.values(change).some((value) => value !== undefined),
    'nothing to change: give at least one field',
  )

export type NewBotOptions = z.input<typeof schema>

/** What is not given stays; null takes a key of webhook mode away. */
export type BotChange = z.input<typeof changeSchema>

/** Throws `CONFIG_INVALID` with one line per mistake; never repeats the secret. */
export function resolveNewBot(bot: NewBotOptions): BotInput {
  const data = checked(schema.safeParse(bot))
  return { ...data, name: data.name ?? data.appId }
}

/** Throws like `resolveNewBot`. */
export function resolveBotChange(change: BotChange): BotChangeInput {
  return checked(changeSchema.safeParse(change))
}

function checked<T>(parsed: z.ZodSafeParseResult<T>): T {
  if (!parsed.success) throw new FeishuSupervisorError('CONFIG_INVALID', describeIssues(parsed.error))
  return parsed.data
}
