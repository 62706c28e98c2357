import type { ErrorRecord } from '../../core/errors.ts'
import type { BotLimits, BotPolicy, Isolation, SettingChange } from './bot-settings.ts'
import type { ConnectionWord } from './connection-word.ts'
import type { Result } from './result.ts'
import type { BotChange, BotInput } from './bot-input.ts'

/** A bot as its host keeps it; more fields do no harm, and null counts as absent. */
export interface SourceBot {
  /** Names the bot everywhere: in the API, in events, in the inbox. */
  readonly id: string | number
  readonly appId: string
  readonly appSecret: string
  /** Of webhook mode. */
  readonly encryptKey?: string | null | undefined
  readonly verificationToken?: string | null | undefined
  /** Default: the app id. */
  readonly name?: string | null | undefined
  /** Default `https://open.feishu.cn`. */
  readonly domain?: string | null | undefined
  /** The user whose bot it is. Default `admin`. */
  readonly owner?: string | null | undefined
  /** Default true. */
  readonly enabled?: boolean | null | undefined
  /** Long connection (true) or webhook mode (false). Default false. */
  readonly useWebSocket?: boolean | null | undefined
  /** Default `thread`. */
  readonly isolation?: Isolation | null | undefined
  /** Which of the handlers in the options answers for it, by name. Default `default`. */
  readonly handler?: string | null | undefined
  /** What of the options is different for it. Default: nothing. */
  readonly limits?: SettingChange<BotLimits> | null | undefined
  readonly policy?: SettingChange<BotPolicy> | null | undefined
  /** Default: when it was first seen. */
  readonly createdAt?: Date | number | null | undefined
}

/** What of a bot is written back to the host. */
export interface SourceRecord {
  /** It was told to connect or to disconnect. */
  readonly useWebSocket?: boolean
  /** Its connection is in another state now. */
  readonly wsConnectionState?: ConnectionWord
}

/**
 * Bots that the host keeps itself, in a table of its own. They are read when the supervisor starts and when `watch`
 * tells of a change, and are never stored here. Runs on the host's thread. A method that throws, rejects or takes
 * longer than 2 s (`list`: 10 s) is tried again, visibly, while the bots that run go on.
 */
export interface BotSource {
  /** All bots, disabled ones too. */
  list(): readonly SourceBot[] | Promise<readonly SourceBot[]>
  /** One bot as it is now; null when there is none. */
  get(botId: string): SourceBot | null | undefined | Promise<SourceBot | null | undefined>
  /**
   * Called once at every start: from then on `changed` is to be called after a bot was added, changed or removed,
   * with its id, or without one to have all of them read. Returns what ends that.
   */
  watch(changed: (botId?: string | number) => void): () => void
  /** Writes to the bot's own row. Without it the mode is not changed through this API, and the state is not written. */
  record?(botId: string, record: SourceRecord): void | Promise<void>
  /** Takes what the API is told to add, change and remove. Without it the API refuses that with `BOTS_OWNED_BY_HOST`. */
  readonly writer?: BotWriter
}

/** The writing half of a source. What `get` answers afterwards holds. */
export interface BotWriter {
  /** Answers the id of the new bot. */
  add(bot: BotInput): string | number | Promise<string | number>
  update(botId: string, change: BotChange): void | Promise<void>
  remove(botId: string): void | Promise<void>
}

/** A bot of a source, checked and with its defaults. Instants are milliseconds since the epoch. */
export interface SourceRow extends Omit<BotInput, 'isolation' | 'owner' | 'handler'> {
  readonly id: string
  readonly isolation: Isolation
  readonly owner: string
  readonly handler: string
  readonly enabled: boolean
  readonly createdAt: number
}

/** All that a source has; a row that cannot be used keeps its id, so that its bot is not taken for removed. */
export interface SourceReading {
  readonly rows: readonly SourceRow[]
  readonly unusable: readonly { readonly botId: string; readonly why: string }[]
  /** It cannot be read now: this is what it had when it last could. */
  readonly failure?: ErrorRecord
}

/** The source wire: the supervisor thread calls, the host answers. */
export interface SourceControl {
  list(): Promise<Result<SourceReading>>
  get(botId: string): Promise<Result<SourceRow | null>>
  record(botId: string, record: SourceRecord): Promise<Result<undefined>>
  /** Answers the id of the new bot. */
  add(bot: BotInput): Promise<Result<string>>
  update(botId: string, change: BotChange): Promise<Result<undefined>>
  remove(botId: string): Promise<Result<undefined>>
}
