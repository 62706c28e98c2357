import type { BotLimits, BotPolicy, Isolation, SettingChange } from './bot-settings.ts'

/** A bot to add. */
export interface NewBotOptions {
  /** App id from Feishu's developer console: `cli_` and 16 hexadecimal digits. Required. */
  readonly appId: string
  /** App secret, 1 to 256 characters. It is sealed before it is stored. Required. */
  readonly appSecret: string
  /**
   * Encrypt Key of the app's event subscription. Webhook mode needs it and `verificationToken`. Sealed too; null means
   * none. Default: none.
   */
  readonly encryptKey?: string | null | undefined
  /** Verification Token of the app's event subscription. Webhook mode needs it and `encryptKey`. Sealed too; null means none. Default: none. */
  readonly verificationToken?: string | null | undefined
  /** Name of the bot in status and logs, 1 to 100 characters. Default: the app id. */
  readonly name?: string | undefined
  /** Origin of the platform: Feishu, `https://open.larksuite.com` for Lark, or a simulator. Default: `https://open.feishu.cn`. */
  readonly domain?: string | undefined
  /** Long connection (true) or webhook mode (false). Default: false. */
  readonly useWebSocket?: boolean | undefined
  /** Name of the handler that answers for it: one of the option `handlers`, or `default` for the option `handler`. Default: `default`. */
  readonly handler?: string | undefined
  /** Limits that differ from the group `messages` of the options; null takes one back. Default: none. */
  readonly limits?: SettingChange<BotLimits> | undefined
  /** Which messages it answers, where that differs from `messages.policy`; null takes a field back. Default: none. */
  readonly policy?: SettingChange<BotPolicy> | undefined
  /** Where its worker runs: `thread`, or `process` for a process of its own, which costs about 50 MB more. Default: `thread`. */
  readonly isolation?: Isolation | undefined
  /** Owner of the bot: the user whose API tokens may see and change it. Default: `admin`. */
  readonly owner?: string | undefined
}

/** A change of a bot: at least one field. What is not given stays as it is. */
export interface BotChange {
  /** New app secret, for example after it was reset in the console. A connected bot connects anew. */
  readonly appSecret?: string | undefined
  /** New Encrypt Key of webhook mode; null takes it away. */
  readonly encryptKey?: string | null | undefined
  /** New Verification Token of webhook mode; null takes it away. */
  readonly verificationToken?: string | null | undefined
  /** New name in status and logs, 1 to 100 characters. */
  readonly name?: string | undefined
  /** New origin of the platform. */
  readonly domain?: string | undefined
  /** Long connection (true) or webhook mode (false), live. With true a bot that waits for its next attempt connects at once. */
  readonly useWebSocket?: boolean | undefined
  /** Name of the handler that answers for it from now on. */
  readonly handler?: string | undefined
  /** Limits to change, field by field; null takes one back to the options. */
  readonly limits?: SettingChange<BotLimits> | undefined
  /** Fields of the policy to change; null takes one back to the options. */
  readonly policy?: SettingChange<BotPolicy> | undefined
  /** Where its worker runs: `thread` or `process`. The worker is started again. */
  readonly isolation?: Isolation | undefined
  /** New owner. */
  readonly owner?: string | undefined
  /** A disabled bot (false) has no worker and takes no events. */
  readonly enabled?: boolean | undefined
}

/** A bot to add, checked and with its defaults. */
export interface BotInput extends Omit<NewBotOptions, 'name' | 'domain' | 'useWebSocket'> {
  readonly name: string
  readonly domain: string
  readonly useWebSocket: boolean
}
