import { z } from 'zod'
import { validated } from '../core/validated.ts'
import { botFields, changeFields } from '../http/schema/bot-schema.ts'
import type { BotChangeInput, BotInput } from '../protocol/model/bot-input.ts'

const schema = z.strictObject({
  ...botFields,
  /** Long connection (true) or webhook mode (false). Default true. */
  useWebSocket: z.boolean().default(true),
})

const changeSchema = z
  .strictObject({
    ...changeFields,
    appId: z.never('an app id stays: remove the bot and add another').optional(),
    isolation: botFields.isolation,
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
  const data = validated(schema.safeParse(bot))
  return { ...data, name: data.name ?? data.appId }
}

/** Throws like `resolveNewBot`. */
export function resolveBotChange(change: BotChange): BotChangeInput {
  return validated(changeSchema.safeParse(change))
}
