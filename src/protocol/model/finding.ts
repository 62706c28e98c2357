/** What `doctor` looks at, in this order. */
export const CHECKS = [
  'database',
  'master_key',
  'worker',
  'egress',
  'clock',
  'credentials',
  'scopes',
  'subscription',
] as const

/** What one check found. */
export interface Finding {
  readonly check: (typeof CHECKS)[number]
  readonly level: 'ok' | 'warning' | 'error'
  /** What is. */
  readonly message: string
  /** What to do about it; absent where the message says it. */
  readonly mend?: string
  /** Absent where it concerns the whole instance. */
  readonly botId?: string
  readonly name?: string
}
