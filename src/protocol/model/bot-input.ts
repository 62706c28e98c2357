import type { BotLimits, BotPolicy, Isolation, SettingChange } from './bot-settings.ts'

/** A bot to add. The host validates it, see src/app/new-bot.ts. */
export interface BotInput {
  readonly name: string
  readonly appId: string
  readonly appSecret: string
  /** For webhook mode. */
  readonly encryptKey?: string | null | undefined
  readonly verificationToken?: string | null | undefined
  readonly domain: string
  readonly useWebSocket: boolean
  /** Name of the bot's handler. Default `default`. */
  readonly handler?: string | undefined
  readonly limits?: SettingChange<BotLimits> | undefined
  readonly policy?: SettingChange<BotPolicy> | undefined
  /** Where the bot's worker runs. Default `thread`. */
  readonly isolation?: Isolation | undefined
  /** User that owns the bot. Default `admin`. */
  readonly owner?: string | undefined
}

/** Change of a bot. Absent fields stay as they are. Null removes a key of webhook mode. */
export type BotChangeInput = {
  readonly [Field in keyof Omit<BotInput, 'appId'>]?: BotInput[Field] | undefined
} & { readonly enabled?: boolean | undefined }
