import { RateAlarm, type RateAlarmLimit } from '../../../src/core/time/rate-alarm.ts'
import type { ResolvedHealthOptions } from '../../../src/protocol/options/health-options.ts'
import type { CrowdedHandler } from '../../../src/messages/messages.ts'
import type { HandlingOptions } from '../../../src/protocol/options/handling-options.ts'
import type { BotStatus, PoolStats } from '../../../src/protocol/model/status.ts'
import type { Condition } from './bot-conditions.ts'

/** Figures of the whole instance at one instant. */
export interface InstanceFigures {
  /** Resident memory of the whole process, megabytes. */
  readonly residentMb: number
  readonly workers: readonly Pick<BotStatus, 'botId' | 'name' | 'memoryMb'>[]
  readonly pool: Pick<PoolStats, 'stuck' | 'stuckBots' | 'overdueOnHost'>
  readonly oldestAgeMs: number
}

/** Part of the instance. Each part has its own alert. */
export type InstancePart = 'memory' | 'pool' | 'host' | 'handlers' | 'inbox' | 'dead letters'

/** Share of the limit below which the memory alert is cleared; it is raised above the whole limit. */
const OVER_BELOW = 0.9

/** Number of the largest workers that the alert names. */
const NAMED = 3

/**
 * Finds alert conditions of the whole instance. Ends no worker: a worker above its own memory limit has ended itself
 * already, and the size of the others does not explain why the process grows.
 */
export class InstanceLimits {
  readonly #options: ResolvedHealthOptions
  readonly #dead: RateAlarm
  readonly #hostRuns: number
  #isMemoryHigh = false
  #crowded: CrowdedHandler | undefined

  constructor(options: ResolvedHealthOptions, { hostRuns }: Pick<HandlingOptions, 'hostRuns'>) {
    this.#options = options
    this.#hostRuns = hostRuns
    this.#dead = new RateAlarm(deadLetterLimit(options))
  }

  /** Counts a dead event or reply. */
  died(now: number): void {
    this.#dead.add(1, now)
  }

  /** Runs of a handler were together too big for a thread. */
  crowded(crowded: CrowdedHandler): void {
    this.#crowded = crowded
  }

  /** Current condition of every part; undefined: no problem. */
  check(figures: InstanceFigures, now: number): Readonly<Record<InstancePart, Condition | undefined>> {
    return {
      memory: this.#memory(figures),
      pool: this.#pool(figures),
      host: this.#host(figures),
      handlers: this.#handlers(now),
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
      cause: `the process uses ${residentMb} MB, more than ${memoryMb} (health.memoryMb)${workersText}`,
      nextStep: 'no worker is ended: restart a bot that has grown, or the process at a suitable time',
    }
  }

  #pool({ pool: { stuck, stuckBots = [] }, workers }: InstanceFigures): Condition | undefined {
    if (stuck === 0) return undefined
    const named = stuckBots.map(({ botId, threads, isUsedUp }) => {
      const name = workers.find((worker) => worker.botId === botId)?.name ?? botId
      return { botId, threads, isUsedUp, name }
    })
    const holders = named.map(({ name, threads }) => `${name} ${threads}`)
    const holdersText = holders.length === 0 ? '' : ` (${holders.join(', ')})`
    const usedUp = named.filter(({ isUsedUp }) => isUsedUp).map(({ name }) => name)
    const usedUpText =
      usedUp.length === 0
        ? ''
        : `; it gets no further thread and its messages fail until one ends: ${usedUp.join(', ')}`
    return {
      kind: 'handler_stuck',
      cause: `handlers sit in native code and keep ${stuck} chat ${stuck === 1 ? 'thread' : 'threads'}${holdersText}${usedUpText}`,
      nextStep:
        'other bots are answered, because the threads are replaced: find the call that does not return; a thread is free when it does, or when the process is restarted',
      extent: { all: stuck, ...Object.fromEntries(named.map(({ botId, threads }) => [botId, threads])) },
    }
  }

  #host({ pool: { overdueOnHost = 0 } }: InstanceFigures): Condition | undefined {
    if (overdueOnHost < this.#hostRuns) return undefined
    return {
      kind: 'handler_stuck',
      cause: `all ${this.#hostRuns} runs that your own thread may have (messages.hostRuns) are overdue and have not ended`,
      nextStep:
        'their bots are answered again when runs end: let the function end when ctx.signal aborts, or restart the process',
    }
  }

  #handlers(now: number): Condition | undefined {
    if (this.#crowded === undefined || now >= this.#crowded.untilAt) return undefined
    const { handler, runsPerThread, untilAt } = this.#crowded
    return {
      kind: 'handler_crowded',
      cause: `runs of the handler ${handler} ended a thread together, but not alone; a thread gets at most ${runsPerThread} of them`,
      nextStep: 'let the handler use less memory, raise messages.threadMemoryMb, or set runsPerThread of the handler',
      nextAt: untilAt,
    }
  }

  #inbox({ oldestAgeMs }: InstanceFigures): Condition | undefined {
    const limitMs = this.#options.oldestAgeMs
    if (limitMs === 0 || oldestAgeMs <= limitMs) return undefined
    return {
      kind: 'inbox_ageing',
      cause: `an event has waited for its answer for more than ${Math.round(limitMs / 1_000)} s (health.oldestAgeMs)`,
      nextStep: 'check the bots, the handler and the database: the events are handled as soon as they work',
    }
  }

  #deadLetters(now: number): Condition | undefined {
    if (this.#options.deadLetters.count === 0 || !this.#dead.isOn(now)) return undefined
    const { periodMs } = this.#options.deadLetters
    return {
      kind: 'dead_letters',
      cause: `${this.#dead.count(now)} events or replies were given up within ${Math.round(periodMs / 1_000)} s (health.deadLetters)`,
      nextStep: 'read the dead letters and their reasons, mend the cause, then put the dead letters back',
    }
  }
}

/** Limit of the alarm, at least 1: an alarm with limit 0 would never clear. With `count` 0 no alert is raised. */
function deadLetterLimit({ deadLetters }: ResolvedHealthOptions): RateAlarmLimit {
  return { count: Math.max(1, deadLetters.count), periodMs: deadLetters.periodMs }
}
