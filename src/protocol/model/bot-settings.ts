/** What walls a bot worker off: a thread of the host's process, or a process of its own (about 50 MB more). */
export type Isolation = 'thread' | 'process'

/** Limits of one bot that differ from the group `messages` of the options. */
export interface BotLimits {
  /** Messages that may begin per second in the long run; more are stored and begin later. Default: `messages.inboundPerSecond`. */
  readonly inboundPerSecond?: number | undefined
  /** Messages above that rate that may begin at once. Default: `messages.inboundBurst`. */
  readonly inboundBurst?: number | undefined
  /** Replies that may go out in any second. Default: `messages.repliesPerSecond`. */
  readonly repliesPerSecond?: number | undefined
  /** A message older than this at its first run becomes a dead letter instead, milliseconds; 0: never. Default: `messages.maxAgeMs`. */
  readonly maxAgeMs?: number | undefined
  /** Time limit of one run of the handler, milliseconds. Default: `messages.handlerTimeoutMs`. */
  readonly handlerTimeoutMs?: number | undefined
}

/** Which messages a bot answers: every field that is not given has its default. */
export interface BotPolicy {
  /** Messages in groups: those that mention this bot (`mentioned`), `all`, or `none`. Default: `mentioned`; of one bot what `messages.policy` says. */
  readonly groups?: 'mentioned' | 'all' | 'none' | undefined
  /** Messages of other bots: `ignore`, or `answer` until five of them came in a row without a word of a person. Default: `ignore`; of one bot what `messages.policy` says. */
  readonly bots?: 'ignore' | 'answer' | undefined
  /** Ids of the chats in which the bot answers. Default: all chats; of one bot what `messages.policy` says. */
  readonly chats?: readonly string[] | undefined
  /** Open ids of the people whom the bot answers; each app has other open ids for the same people. Default: everybody; of one bot what `messages.policy` says. */
  readonly users?: readonly string[] | undefined
}

/** Which messages a bot answers, with the defaults filled in. */
export interface AnswerPolicy extends BotPolicy {
  readonly groups: 'mentioned' | 'all' | 'none'
  readonly bots: 'ignore' | 'answer'
}

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
