import type { Secret } from '../core/log/secret.ts'
import type { BotLimits, BotPolicy, BotSettings, Isolation, SettingChange } from '../protocol/model/bot-settings.ts'
import type { ConnectionWord } from '../protocol/model/status.ts'

export interface Bot extends BotSettings {
  readonly id: string
  readonly name: string
  readonly appId: string
  readonly appSecret: Secret
  /** Of webhook mode; null: not known. */
  readonly encryptKey: Secret | null
  readonly verificationToken: Secret | null
  readonly domain: string
  /** Whose it is. */
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

/** What is not given stays, in limits and policy too. */
export type BotChange = Partial<Omit<Bot, 'id' | 'appId' | 'createdAt' | 'limits' | 'policy'>> &
  Pick<NewBot, 'limits' | 'policy'>

export interface BotStore {
  /** Rejects with `BOT_EXISTS` when the app id is taken. The secret is sealed before it is stored. */
  add(bot: NewBot): Promise<Bot>
  /** All bots in order of creation. Rejects with `MASTER_KEY_WRONG` when a secret cannot be opened. */
  list(): Promise<Bot[]>
  /** The bot as it is now; null when there is none. */
  update(id: string, change: BotChange): Promise<Bot | null>
  /** False when there was none. Its events and dead letters stay. */
  remove(id: string): Promise<boolean>
  /** What a bot has learnt about itself. */
  recordOpenId(id: string, openId: string): Promise<void>
  /** Writes the last known connection state of bots, for other readers of the table. */
  recordStates(states: readonly { readonly id: string; readonly state: ConnectionWord }[]): Promise<void>
}
