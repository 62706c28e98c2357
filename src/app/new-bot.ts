import { z } from 'zod'
import { validated } from '../core/validated.ts'
import { botFields, type botLimits, type botPolicy, changeFields } from '../http/schema/bot-schema.ts'
import type { Difference, Nothing } from '../options/same.ts'
import type { BotChange, BotInput, NewBotOptions } from '../protocol/model/bot-input.ts'
import type { BotLimits, BotPolicy, SettingChange } from '../protocol/model/bot-settings.ts'

const fields = z.strictObject(botFields)

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

export type BotsAreDocumented = [
  Nothing<Difference<z.input<typeof fields>, NewBotOptions>>,
  Nothing<Difference<Omit<z.input<typeof changeSchema>, 'appId'>, BotChange>>,
  Nothing<Difference<z.input<typeof botLimits>, SettingChange<BotLimits>>>,
  Nothing<Difference<z.input<typeof botPolicy>, SettingChange<BotPolicy>>>,
]

/** Throws `CONFIG_INVALID` with one line per mistake; never repeats the secret. */
export function resolveNewBot(bot: NewBotOptions): BotInput {
  const data = validated(fields.safeParse(bot))
  return { ...data, name: data.name ?? data.appId }
}

/** Throws like `resolveNewBot`. */
export function resolveBotChange(change: BotChange): BotChange {
  return validated(changeSchema.safeParse(change))
}
