import type { Distribution } from './report/figures.ts'
import type { Verdict } from './report/targets.ts'
import type { Plan } from './plan.ts'
import { type Ground, type SubjectName, World, type WorldOptions } from './process/world.ts'

/** The rate and the spread of all latency runs: below 5 a second and chat, 50 a second and bot. */
export const BOTS = 10
export const PER_SECOND = 200
export const CHATS_PER_BOT = 20
export const PATIENCE_MS = 10_000

/** A measured set of latencies, or of single values over something. */
export type Finding =
  | {
      readonly kind: 'latency'
      readonly name: string
      readonly ack: Distribution
      readonly reply: Distribution
      /** Without acknowledgement or reply in time. */
      readonly missing: number
      /** Of all threads of the process, per message, milliseconds; the database server is not in it. */
      readonly cpuMs?: number
    }
  | { readonly kind: 'value'; readonly name: string; readonly unit: string; readonly values: readonly number[] }
  | {
      readonly kind: 'growth'
      readonly name: string
      readonly over: string
      readonly points: readonly { readonly x: number; readonly p50: number; readonly p99: number }[]
    }

export interface Section {
  readonly title: string
  /** What a reader has to know to read the figures. */
  readonly note: string
  readonly findings: readonly Finding[]
  readonly verdicts: readonly Verdict[]
}

/** Some of the findings and verdicts of a section. */
export type Part = Pick<Section, 'findings' | 'verdicts'>

/** What a measure is given. */
export interface Run {
  readonly plan: Plan
  readonly ground: Ground
  say(line: string): void
}

/** Opens worlds, and closes them whatever happens. */
export async function withWorlds<K extends string, T>(
  run: Run,
  options: Readonly<Record<K, WorldOptions>>,
  use: (worlds: Readonly<Record<K, World>>) => Promise<T>,
): Promise<T> {
  const worlds: Partial<Record<K, World>> = {}
  try {
    for (const name of Object.keys(options) as K[]) worlds[name] = await World.open(run.ground, options[name])
    return await use(worlds as Record<K, World>)
  } finally {
    for (const world of Object.values<World | undefined>(worlds)) await world?.close()
  }
}

/** The same world for several subjects. */
export function eachOf<K extends SubjectName>(
  subjects: readonly K[],
  options: Omit<WorldOptions, 'subject'>,
): Record<K, WorldOptions> {
  const entries = subjects.map((subject): [K, WorldOptions] => [subject, { subject, ...options }])
  return Object.fromEntries(entries) as Record<K, WorldOptions>
}
