import { RateAlarm, type RateAlarmLimit } from '../../../src/core/time/rate-alarm.ts'
import type { ErrorRecord } from '../../../src/core/errors.ts'
import type { NamedEvent, RestartEvent } from '../../../src/protocol/model/events.ts'
import type { BotStatus } from '../../../src/protocol/model/status.ts'
import { type Condition, conditionsOf, dropping, flooding, type Part } from './bot-conditions.ts'

/** Raised by one flood, cleared after a minute without a flood. */
const FLOODS: RateAlarmLimit = { count: 1, periodMs: 60_000 }

/** Raised by 100 unreadable frames of one bot within a minute. */
const FRAMES: RateAlarmLimit = { count: 100, periodMs: 60_000 }

/** Figures of one bot over time. */
interface Counts {
  readonly floods: RateAlarm
  readonly frames: RateAlarm
  floodAt: number
  /** Unreadable frames of the current worker so far. */
  frameCount: number
}

/**
 * Emits a restart event once per restart, and an alert once when its condition begins, once more whenever it got worse,
 * and once when it ends.
 */
export class AlertTracker {
  readonly #fastAttempts: number
  readonly #emit: (event: NamedEvent) => void
  /** Raised conditions, by bot id and part, or by part of the instance. */
  readonly #raised = new Map<string, Condition>()
  readonly #restartCounts = new Map<string, number>()
  readonly #counts = new Map<string, Counts>()

  /** `fastAttempts`: number of failed attempts to connect that raises an alert. */
  constructor(fastAttempts: number, emit: (event: NamedEvent) => void) {
    this.#fastAttempts = fastAttempts
    this.#emit = emit
  }

  observe(status: BotStatus, now: number): void {
    const restart = restartOf(status)
    if (restart !== undefined && this.#restartCounts.get(status.botId) !== restart.restartCount) {
      this.#restartCounts.set(status.botId, restart.restartCount)
      this.#emit({ kind: 'restart', event: restart })
    }
    const { worker, stuck, connection, app } = conditionsOf(status, this.#fastAttempts)
    const isOff = status.child.state === 'stopped'
    const isConnected = status.connection.state === 'connected'
    const key = (part: Part): string => `${status.botId} ${part}`
    this.#compare(key('worker'), worker, isOff || status.child.state === 'running', now)
    this.#compare(key('stuck'), stuck, true, now)
    // A restarting worker has no connection. Its old connection problem may last, so it is not cleared yet.
    this.#compare(key('connection'), connection, isOff || isConnected, now)
    this.#compare(key('app'), app, isOff || isConnected, now)
    const { flood, frames } = this.#rateAlarms(status, now)
    this.#compare(key('flood'), flood, true, now)
    this.#compare(key('frames'), frames, true, now)
    if (isOff) this.#counts.delete(status.botId)
  }

  /** A bot was removed: its problems are nobody's any more. */
  forget(botId: string, now: number): void {
    const keys = [...this.#raised.keys()].filter((key) => key.startsWith(`${botId} `))
    for (const key of keys) this.#compare(key, undefined, true, now)
  }

  /** Takes the condition of a part of the instance; undefined: no problem. */
  observeInstance(part: string, condition: Condition | undefined, now: number): void {
    this.#compare(part, condition, true, now)
  }

  /** Takes the state of the database; undefined: usable. */
  observeStore(error: ErrorRecord | undefined, now: number): void {
    const condition: Condition | undefined = error && {
      kind: 'store_unavailable',
      cause: `the database is not usable: ${error.message}`,
      nextStep: 'retried automatically; events are refused meanwhile and Feishu pushes them again',
    }
    this.observeInstance('store', condition, now)
  }

  #rateAlarms({ botId, name, child, connection, flood }: BotStatus, now: number): { readonly [P in Part]?: Condition } {
    if (child.state === 'stopped') return {}
    const counts = this.#counts.get(botId) ?? {
      floods: new RateAlarm(FLOODS),
      frames: new RateAlarm(FRAMES),
      floodAt: 0,
      frameCount: 0,
    }
    this.#counts.set(botId, counts)
    if (flood !== undefined && flood.at !== counts.floodAt) counts.floods.add(1, now)
    counts.floodAt = flood?.at ?? 0
    const frameCount = Object.values(connection.droppedFrames ?? {}).reduce((sum, count) => sum + count, 0)
    // The count of a new worker begins at 0.
    const droppedCount = frameCount - (frameCount < counts.frameCount ? 0 : counts.frameCount)
    if (droppedCount > 0) counts.frames.add(droppedCount, now)
    counts.frameCount = frameCount
    return {
      ...(flood !== undefined && counts.floods.isOn(now) && { flood: flooding(botId, name, flood) }),
      ...(counts.frames.isOn(now) && { frames: dropping(botId, name, counts.frames.count(now)) }),
    }
  }

  /** Takes the state of the bot source; undefined: all bots are readable. */
  observeSource(error: ErrorRecord | undefined, now: number): void {
    const condition: Condition | undefined = error && {
      kind: 'bot_source_failing',
      cause: `the bots of the host cannot be read: ${error.message}`,
      nextStep: 'retried automatically; running bots continue unchanged',
    }
    this.#compare('source', condition, true, now)
  }

  #compare(key: string, condition: Condition | undefined, isOver: boolean, now: number): void {
    const raised = this.#raised.get(key)
    if (raised !== undefined && raised.kind !== condition?.kind && (condition !== undefined || isOver)) {
      this.#raised.delete(key)
      const { nextAt: _nextAt, extent: _extent, ...known } = raised
      const nextStep = condition === undefined ? 'nothing: the problem has ended' : 'another alert took its place'
      this.#emit({ kind: 'alert', event: { ...known, at: now, state: 'cleared', nextStep } })
    }
    if (condition === undefined) return
    this.#raised.set(key, condition)
    if (raised?.kind === condition.kind && !isWorse(condition, raised)) return
    const { extent: _extent, ...known } = condition
    this.#emit({ kind: 'alert', event: { ...known, at: now, state: 'raised' } })
  }
}

function isWorse({ extent = {} }: Condition, { extent: before = {} }: Condition): boolean {
  return Object.entries(extent).some(([what, size]) => size > (before[what] ?? 0))
}

function restartOf({ botId, name, child }: BotStatus): RestartEvent | undefined {
  if (child.state !== 'restarting' || child.lastExit === undefined) return undefined
  const { reason, error } = child.lastExit
  return {
    botId,
    name,
    incarnation: child.incarnation,
    restartCount: child.restartCount,
    restartsInWindow: child.restartsInWindow,
    reason,
    ...(error === undefined ? {} : { error }),
    ...(child.nextAt === undefined ? {} : { nextAt: child.nextAt }),
  }
}
