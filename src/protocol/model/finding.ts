/** Checks of `doctor`, in this order. */
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

/** Result of one check. */
export interface Finding {
  readonly check: (typeof CHECKS)[number]
  readonly level: 'ok' | 'warning' | 'error'
  /** What the check found. */
  readonly message: string
  /** What to do. Absent if the message says it. */
  readonly mend?: string
  /** Absent if the finding concerns the whole instance. */
  readonly botId?: string
  readonly name?: string
}
