import type { Secret } from '../core/log/secret.ts'
import type { BotLimits, BotPolicy, BotSettings, Isolation, SettingChange } from '../protocol/model/bot-settings.ts'
import type { ConnectionWord } from '../protocol/model/status.ts'

export interface Bot extends BotSettings {
  readonly id: string
  readonly name: string
  readonly appId: string
  readonly appSecret: Secret
  /** Encrypt key of webhook mode. Null: not known. */
  readonly encryptKey: Secret | null
  readonly verificationToken: Secret | null
  readonly domain: string
  /** Owner of the bot. */
  readonly owner: string
  readonly enabled: boolean
  readonly useWebSocket: boolean
  readonly isolation: Isolation
  /** Milliseconds since the epoch. */
  readonly createdAt: number
}

export interface NewBot extends Pick<Bot, 'name' | 'appId' | 'appSecret' | 'domain' | 'useWebSocket'> {
  readonly encryptKey?: Secret | null
  readonly verificationToken?: Secret | null
  /** Default `thread`. */
  readonly isolation?: Isolation
  /** Default `default`. */
  readonly handler?: string
  readonly limits?: SettingChange<BotLimits>
  readonly policy?: SettingChange<BotPolicy>
  /** Default `admin`. */
  readonly owner?: string
}

/** Fields to change. Absent fields keep their value, in `limits` and `policy` too. */
export type StoredBotChange = Partial<Omit<Bot, 'id' | 'appId' | 'createdAt' | 'limits' | 'policy'>> &
  Pick<NewBot, 'limits' | 'policy'>

export interface BotStore {
  /** Adds a bot. Rejects with `BOT_EXISTS` when the app id is taken. Secrets are sealed before they are stored. */
  add(bot: NewBot): Promise<Bot>
  /** Lists all bots in order of creation. Rejects with `MASTER_KEY_WRONG` when a secret cannot be opened. */
  list(): Promise<Bot[]>
  /** Changes a bot and returns it as it is now. Null when there is no such bot. */
  update(id: string, change: StoredBotChange): Promise<Bot | null>
  /** Removes a bot. False when there is no such bot. Its events and dead letters stay. */
  remove(id: string): Promise<boolean>
  /** Stores the open id that a bot read from Feishu. */
  recordOpenId(id: string, openId: string): Promise<void>
  /** Stores the last known connection state of bots, for other readers of the table. */
  recordStates(states: readonly { readonly id: string; readonly state: ConnectionWord }[]): Promise<void>
}
