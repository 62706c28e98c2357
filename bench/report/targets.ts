import type { Spread } from './figures.ts'

/** The targets: ratios within one run, where there is something to compare with. */
export const TARGETS = {
  T1: { what: 'send to reply p50, 10 bots, PostgreSQL, against C', atMost: 1 },
  T2: { what: 'send to reply p99, 10 bots, PostgreSQL, against C', atMost: 1 },
  T3: { what: 'closed-loop throughput, 10 bots, against C', atLeast: 2 },
  T4: { what: "one bot's handler burns CPU: the others' p99 against A", atMost: 1 / 80 },
  'T4 quiet': { what: 'the same, against their quiet p99', atMost: 2 },
  'T4 crash': { what: "one bot's worker crash-loops: the others' p99 against their quiet p99", atMost: 2 },
  'T4 flood': { what: "one bot is flooded: the others' p99 against their quiet p99", atMost: 2 },
  T5: { what: 'memory per connected bot, PostgreSQL, MB', atMost: 16 },
  'T5 whole': { what: 'memory of the process with 50 bots, MB', atMost: 900 },
  T6: { what: 'worker crash to connected p50, against a bare worker', atMost: 1.1 },
  T7: { what: '50 bots, cold start to all connected, against bare workers with the whole SDK', atMost: 0.5 },
  T8: { what: 'send to reply p50, 10 bots, PGlite, against C on PostgreSQL', atMost: 1.5 },
  'T8 loop': { what: 'the same: event loop delay of the host p99, ms', atMost: 20 },
  T9: { what: 'send to reply p50 at 50 bots, against 1 bot at the same rate', atMost: 1.3 },
  T10: { what: 'host thread blocked half of the time: send to ack p99, against unblocked', atMost: 1.2 },
} as const satisfies Record<string, { what: string; atMost: number } | { what: string; atLeast: number }>

export type TargetId = keyof typeof TARGETS

export interface Verdict extends Spread {
  readonly id: TargetId
  readonly what: string
  /** `<= 1.1` or `>= 2`. */
  readonly target: string
  readonly isMet: boolean
}

/** Judges by the median. */
export function judge(id: TargetId, measured: Spread): Verdict {
  const target: { what: string; atMost?: number; atLeast?: number } = TARGETS[id]
  const { what, atMost = Number.POSITIVE_INFINITY, atLeast = Number.NEGATIVE_INFINITY } = target
  const isMet = measured.value <= atMost && measured.value >= atLeast
  const wanted = target.atLeast === undefined ? `<= ${short(atMost)}` : `>= ${short(atLeast)}`
  return { id, what, target: wanted, ...measured, isMet }
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)))
}
