/** What walls a bot worker off: a thread of the host's process, or a process of its own (about 50 MB more). */
export type Isolation = 'thread' | 'process'

/** What of the limits in the options is different for one bot. */
export interface BotLimits {
  /** Messages that may begin per second in the long run; more are stored and begin later. */
  readonly inboundPerSecond?: number | undefined
  /** Messages above that which begin at once. */
  readonly inboundBurst?: number | undefined
  /** Replies that may go out in any second. */
  readonly repliesPerSecond?: number | undefined
  /** A message older than this at its first run becomes a dead letter instead, milliseconds; 0: never. */
  readonly maxAgeMs?: number | undefined
  /** Limit of one run of the handler, milliseconds. */
  readonly handlerTimeoutMs?: number | undefined
}

/** Which messages a bot answers. */
export interface AnswerPolicy {
  /** In groups: those that mention this bot, all, or none. */
  readonly groups: 'mentioned' | 'all' | 'none'
  /** What other bots write: ignored, or answered until a few of them have come in a row. */
  readonly bots: 'ignore' | 'answer'
  /** Chat ids; absent: everywhere. */
  readonly chats?: readonly string[] | undefined
  /** Open ids; absent: everybody. */
  readonly users?: readonly string[] | undefined
}

export type BotPolicy = { readonly [Field in keyof AnswerPolicy]?: AnswerPolicy[Field] | undefined }

/** Fields that are given are changed, null takes one back to what the options say. */
export type SettingChange<Settings> = { readonly [Field in keyof Settings]?: Settings[Field] | null | undefined }

/** How the messages of one bot are handled. */
export interface BotSettings {
  /** The name of its handler. */
  readonly handler: string
  readonly limits: BotLimits
  readonly policy: BotPolicy
  /** Its own open id, once it is known. */
  readonly openId: string | null
}
