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
  'S1 default': {
    what: '40 chats of one bot, each answer waits 5 s, options as they are: seconds until all are answered',
    atMost: 6,
  },
  'S1 time': { what: '500 chats of 10 bots, each answer waits 3 s: seconds until all are answered', atMost: 5 },
  S1: { what: 'the same, against A with the same wait', atMost: 1.2 },
  'S1 twice': { what: '1 000 chats of 20 bots, the same, against A', atMost: 1.2 },
  'S1 deaths': {
    what: '100 answers wait 3 s beside a handler that ends their thread: seconds until all are answered, none twice begun',
    atMost: 15,
  },
  S2: { what: '1 000 answers wait: heap of the pool threads for each, KB', atMost: 20 },
  'S2 stream': { what: '200 answers of the built-in openai are streamed: the same for each, MB', atMost: 0.4 },
  S3: { what: "500 answers wait 60 s: a quick bot's p99 against quiet", atMost: 1.2 },
  'S3 renewed': { what: 'the same with waits of 3 s, against the same messages answered at once', atMost: 1.5 },
  S4: {
    what: "200 answers wait, one bot's handler burns CPU: ten others' p99 against quiet (S4 or S4 control)",
    atMost: 2,
  },
  'S4 control': { what: 'the same, against another process that burns as much', atMost: 1.2 },
  S5: { what: "200 answers are streamed at once: a quick bot's p99 against quiet", atMost: 3 },
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
