import { RateAlarm, type RateAlarmLimit } from '../../../src/core/time/rate-alarm.ts'
import type { ResolvedHealthOptions } from '../../../src/protocol/options/health-options.ts'
import type { PoolStats } from '../../../src/protocol/model/status.ts'
import type { Condition } from './alert-tracker.ts'

/** What a look at the whole instance shows. */
export interface InstanceFigures {
  /** Memory of the whole process, megabytes. */
  readonly residentMb: number
  readonly workers: readonly { readonly name: string; readonly memoryMb?: number }[]
  readonly pool: Pick<PoolStats, 'stuck'>
  readonly oldestAgeMs: number
}

/** Each is told on its own. */
export type InstancePart = 'memory' | 'pool' | 'inbox' | 'dead letters'

/** Raised at the limit, over below this share of it. */
const OVER_BELOW = 0.9

/** So many of the largest workers are named. */
const NAMED = 3

/**
 * What of the whole instance a person should know. It ends nobody: a worker above its own budget has left
 * already, and who is the largest of those within theirs says nothing about why the process grows.
 */
export class InstanceLimits {
  readonly #options: ResolvedHealthOptions
  readonly #threads: number
  readonly #dead: RateAlarm
  #isMemoryHigh = false

  /** `threads`: of the chat pool. */
  constructor(options: ResolvedHealthOptions, threads: number) {
    this.#options = options
    this.#threads = threads
    this.#dead = new RateAlarm(deadLetterLimit(options))
  }

  /** An event or a reply was given up. */
  died(now: number): void {
    this.#dead.add(1, now)
  }

  /** What is wrong now, of every part. */
  check(figures: InstanceFigures, now: number): Readonly<Record<InstancePart, Condition | undefined>> {
    return {
      memory: this.#memory(figures),
      pool: this.#pool(figures),
      inbox: this.#inbox(figures),
      'dead letters': this.#deadLetters(now),
    }
  }

  #memory({ residentMb, workers }: InstanceFigures): Condition | undefined {
    const { memoryMb } = this.#options
    this.#isMemoryHigh = memoryMb > 0 && residentMb > memoryMb * (this.#isMemoryHigh ? OVER_BELOW : 1)
    if (!this.#isMemoryHigh) return undefined
    const largest = workers
      .flatMap(({ name, memoryMb: mb }) => (mb === undefined ? [] : [{ name, mb }]))
      .sort((a, b) => b.mb - a.mb)
      .slice(0, NAMED)
      .map(({ name, mb }) => `${name} ${mb} MB`)
    const workersText = largest.length === 0 ? '' : `; the largest workers: ${largest.join(', ')}`
    return {
      kind: 'memory_high',
      cause: `the process uses ${residentMb} MB, more than ${memoryMb} (watch.memoryMb)${workersText}`,
      nextStep: 'nothing is ended: restart a bot that has grown, or the process when it suits you',
    }
  }

  #pool({ pool: { stuck } }: InstanceFigures): Condition | undefined {
    if (stuck === 0) return undefined
    const left = Math.max(0, 2 * this.#threads - stuck)
    const cause = `${stuck} chat ${stuck === 1 ? 'thread does' : 'threads do'} not end, because a handler sits in native code`
    if (left >= this.#threads) {
      return { kind: 'handler_stuck', cause, nextStep: 'they are replaced; mend the handler' }
    }
    return {
      kind: 'pool_shrunk',
      cause: `${cause}; the pool has ${left} of ${this.#threads} threads left`,
      nextStep: 'it grows again when they come back; mend the handler, or restart the process',
    }
  }

  #inbox({ oldestAgeMs }: InstanceFigures): Condition | undefined {
    const limitMs = this.#options.oldestAgeMs
    if (limitMs === 0 || oldestAgeMs <= limitMs) return undefined
    return {
      kind: 'inbox_ageing',
      cause: `an event has waited for its answer for more than ${Math.round(limitMs / 1_000)} s (watch.oldestAgeMs)`,
      nextStep: 'look at the bots, the handler and the database; it is worked on as they allow',
    }
  }

  #deadLetters(now: number): Condition | undefined {
    if (this.#options.deadLetters.count === 0 || !this.#dead.isOn(now)) return undefined
    const { periodMs } = this.#options.deadLetters
    return {
      kind: 'dead_letters',
      cause: `${this.#dead.count(now)} events or replies were given up within ${Math.round(periodMs / 1_000)} s (watch.deadLetters)`,
      nextStep: 'look at the dead letters and their reasons; put them back when the cause is mended',
    }
  }
}

/** Without a limit nothing is counted; an alarm with a limit of 0 would never clear. */
function deadLetterLimit({ deadLetters }: ResolvedHealthOptions): RateAlarmLimit {
  return { count: Math.max(1, deadLetters.count), periodMs: deadLetters.periodMs }
}
