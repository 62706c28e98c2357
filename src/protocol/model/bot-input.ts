import type { BotLimits, BotPolicy, Isolation, SettingChange } from './bot-settings.ts'

/** A bot to add; checked by the host, see src/app/new-bot.ts. */
export interface BotInput {
  readonly name: string
  readonly appId: string
  readonly appSecret: string
  /** Of webhook mode. */
  readonly encryptKey?: string | null | undefined
  readonly verificationToken?: string | null | undefined
  readonly domain: string
  readonly useWebSocket: boolean
  /** Name of its handler. Default: `default`. */
  readonly handler?: string | undefined
  readonly limits?: SettingChange<BotLimits> | undefined
  readonly policy?: SettingChange<BotPolicy> | undefined
  /** Where its worker runs. Default `thread`. */
  readonly isolation?: Isolation | undefined
  /** Whose it is. Default `admin`. */
  readonly owner?: string | undefined
}

/** What is not given stays; null takes a key of webhook mode away. */
export type BotChangeInput = {
  readonly [Field in keyof Omit<BotInput, 'appId'>]?: BotInput[Field] | undefined
} & { readonly enabled?: boolean | undefined }
