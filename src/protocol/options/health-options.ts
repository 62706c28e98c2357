import type { Resolved } from './resolved.ts'

/** When the whole instance counts as in trouble. Each limit that is passed raises an `alert`; 0 turns a limit off. */
export interface HealthOptions {
  /** How often the instance is checked; at least 10. Default: 10 000 ms. */
  readonly everyMs?: number | undefined
  /** Memory limit of the whole process, your own code included, in megabytes. Default: 80 % of what the machine or its container has. */
  readonly memoryMb?: number | undefined
  /** Age limit of the oldest event without an answer. Default: 600 000 ms. */
  readonly oldestAgeMs?: number | undefined
  /** How many dead letters within a period are too many. */
  readonly deadLetters?: DeadLetterLimitOptions | undefined
}

/** How many dead letters within a period are too many. */
export interface DeadLetterLimitOptions {
  /** Events and replies given up within `periodMs` that raise the alert; 0: never. Default: 10. */
  readonly count?: number | undefined
  /** The period in which they are counted; at least 1 000. Default: 600 000 ms. */
  readonly periodMs?: number | undefined
}

export type ResolvedHealthOptions = Resolved<HealthOptions>
