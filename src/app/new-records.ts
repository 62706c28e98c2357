import { z } from 'zod'
import { validated } from '../core/validation.ts'
import { botFields, type botLimits, type botPolicy, changeFields } from '../http/schema/bot-schema.ts'
import type { Difference, Nothing } from '../options/same.ts'
import type { BotChange, BotInput, NewBotOptions } from '../protocol/model/bot-input.ts'
import type { BotLimits, BotPolicy, SettingChange } from '../protocol/model/bot-settings.ts'
import { tokenFields } from '../http/schema/token-fields.ts'
import type { NewApiToken, NewTokenOptions } from '../protocol/model/access.ts'

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

/** Checks a new bot and adds defaults. Throws `CONFIG_INVALID` with one line per mistake and never quotes a secret. */
export function resolveNewBot(bot: NewBotOptions): BotInput {
  const data = validated(fields.safeParse(bot))
  return { ...data, name: data.name ?? data.appId }
}

/** Checks a change of a bot. Throws like `resolveNewBot`. */
export function resolveBotChange(change: BotChange): BotChange {
  return validated(changeSchema.safeParse(change))
}

const schema = z.strictObject(tokenFields)

export type TokensAreDocumented = Nothing<Difference<z.input<typeof schema>, NewTokenOptions>>

const DAY_MS = 86_400_000

/** Checks a new token and adds defaults. Throws `CONFIG_INVALID` with one line per mistake. */
export function resolveNewToken(token: NewTokenOptions): NewApiToken {
  const { expiresInDays, ...rest } = validated(schema.safeParse(token))
  return { ...rest, expiresInMs: expiresInDays === null ? null : expiresInDays * DAY_MS }
}
