import type { ErrorRecord } from '../../core/errors.ts'
import type { BotLimits, BotPolicy, Isolation, SettingChange } from './bot-settings.ts'
import type { ConnectionWord } from './status.ts'
import type { Result } from './result.ts'
import type { BotChange, BotInput } from './bot-input.ts'

/** A bot of the host's own table. Other fields are ignored. Null counts as absent. */
export interface SourceBot {
  /** Id of the bot in the API, in events and in the inbox. */
  readonly id: string | number
  readonly appId: string
  readonly appSecret: string
  /** For webhook mode. */
  readonly encryptKey?: string | null | undefined
  readonly verificationToken?: string | null | undefined
  /** Default: the app id. */
  readonly name?: string | null | undefined
  /** Default `https://open.feishu.cn`. */
  readonly domain?: string | null | undefined
  /** User that owns the bot. Default `admin`. */
  readonly owner?: string | null | undefined
  /** Default true. */
  readonly enabled?: boolean | null | undefined
  /** Long connection (true) or webhook mode (false). Default false. */
  readonly useWebSocket?: boolean | null | undefined
  /** Default `thread`. */
  readonly isolation?: Isolation | null | undefined
  /** Name of the handler in the options that answers for the bot. Default `default`. */
  readonly handler?: string | null | undefined
  /** Overrides of the options for this bot. Default: none. */
  readonly limits?: SettingChange<BotLimits> | null | undefined
  readonly policy?: SettingChange<BotPolicy> | null | undefined
  /** Default: when the bot was first read. */
  readonly createdAt?: Date | number | null | undefined
}

/** Fields of a bot that are written back to the host. */
export interface SourceRecord {
  /** New mode: a call asked the bot to connect or to disconnect. */
  readonly useWebSocket?: boolean
  /** New state of the bot's connection. */
  readonly wsConnectionState?: ConnectionWord
}

/**
 * Source of bots that the host keeps in its own table. Bots are read when the supervisor starts and when `watch`
 * reports a change. They are never stored here. The methods run on the host's thread. A method that throws, rejects or
 * takes longer than 2 s (`list`: 10 s) is called again. The failure is reported, and running bots go on.
 */
export interface BotSource {
  /** All bots, disabled ones too. */
  list(): readonly SourceBot[] | Promise<readonly SourceBot[]>
  /** The current record of one bot. Null if there is none. */
  get(botId: string): SourceBot | null | undefined | Promise<SourceBot | null | undefined>
  /**
   * Called once at every start. From then on the source calls `changed` after a bot was added, changed or removed:
   * with the bot's id, or without an id to have all bots read. Returns the function that ends the watch.
   */
  watch(changed: (botId?: string | number) => void): () => void
  /** Writes to the bot's row. Without `record` this API cannot change the mode, and the state is not written. */
  record?(botId: string, record: SourceRecord): void | Promise<void>
  /** Adds, changes and removes bots for the API. Without `writer` the API refuses these calls with `BOTS_OWNED_BY_HOST`. */
  readonly writer?: BotWriter
}

/** Write access to a source. After a call the answer of `get` is valid. */
export interface BotWriter {
  /** Returns the id of the new bot. */
  add(bot: BotInput): string | number | Promise<string | number>
  update(botId: string, change: BotChange): void | Promise<void>
  remove(botId: string): void | Promise<void>
}

/** A bot of a source, validated and with defaults. Instants are milliseconds since the epoch. */
export interface SourceRow extends Omit<BotInput, 'isolation' | 'owner' | 'handler'> {
  readonly id: string
  readonly isolation: Isolation
  readonly owner: string
  readonly handler: string
  readonly enabled: boolean
  readonly createdAt: number
}

/** All bots of a source. An unusable row keeps its id, so that its bot does not count as removed. */
export interface SourceReading {
  readonly rows: readonly SourceRow[]
  readonly unusable: readonly { readonly botId: string; readonly why: string }[]
  /** Why the source cannot be read now. The rows are then those of the last successful read. */
  readonly failure?: ErrorRecord
}

/** The source channel: the supervisor thread calls, the host answers. */
export interface SourceControl {
  list(): Promise<Result<SourceReading>>
  get(botId: string): Promise<Result<SourceRow | null>>
  record(botId: string, record: SourceRecord): Promise<Result<undefined>>
  /** Returns the id of the new bot. */
  add(bot: BotInput): Promise<Result<string>>
  update(botId: string, change: BotChange): Promise<Result<undefined>>
  remove(botId: string): Promise<Result<undefined>>
}
