import { RateAlarm, type RateAlarmLimit } from '../../../src/core/time/rate-alarm.ts'
import type { ErrorRecord } from '../../../src/core/errors.ts'
import type { Alert, AlertKind, NamedEvent, RestartEvent } from '../../../src/protocol/model/events.ts'
import type { BotStatus, ConnectionStatus, Flood } from '../../../src/protocol/model/status.ts'

/** A current problem: an `Alert` without time and state. */
export type Condition = Omit<Alert, 'at' | 'state'>

/** Part of a bot. Each part has at most one condition at a time. */
type Part = 'worker' | 'connection' | 'app' | 'flood' | 'frames'

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

/** Emits a restart event once per restart, and an alert once when its condition begins and once when it ends. */
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
    const { worker, connection, app } = conditionsOf(status, this.#fastAttempts)
    const isOff = status.child.state === 'stopped'
    const isConnected = status.connection.state === 'connected'
    const key = (part: Part): string => `${status.botId} ${part}`
    this.#compare(key('worker'), worker, isOff || status.child.state === 'running', now)
    // A restarting worker has no connection. Its old connection problem may last, so it is not cleared yet.
    this.#compare(key('connection'), connection, isOff || isConnected, now)
    this.#compare(key('app'), app, isOff || isConnected, now)
    const { flood, frames } = this.#rateAlarms(status, now)
    this.#compare(key('flood'), flood, true, now)
    this.#compare(key('frames'), frames, true, now)
    if (isOff) this.#counts.delete(status.botId)
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
      const { nextAt: _nextAt, ...known } = raised
      const nextStep = condition === undefined ? 'nothing: the problem has ended' : 'another alert took its place'
      this.#emit({ kind: 'alert', event: { ...known, at: now, state: 'cleared', nextStep } })
    }
    if (condition === undefined) return
    this.#raised.set(key, condition)
    if (raised?.kind !== condition.kind) {
      this.#emit({ kind: 'alert', event: { ...condition, at: now, state: 'raised' } })
    }
  }
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

/** Alert conditions of one bot. Pure. */
export function conditionsOf(status: BotStatus, fastAttempts: number): { readonly [P in Part]?: Condition } {
  const { botId, name, child, connection } = status
  const kind = connectionAlert(connection, fastAttempts)
  const { foreignConnections } = connection
  return {
    ...(child.state === 'failed' && {
      worker: {
        kind: 'worker_failed',
        botId,
        name,
        cause: child.lastExit?.error?.message ?? child.lastExit?.reason ?? 'the worker ended',
        attempt: child.restartCount,
        nextStep: child.nextStep ?? 'restart the bot',
      },
    }),
    ...(kind !== undefined && {
      connection: {
        kind,
        botId,
        name,
        cause: connection.trouble?.message ?? 'not connected',
        attempt: connection.attempt,
        nextStep: nextStepOf(kind, connection),
        ...(connection.nextAt === undefined ? {} : { nextAt: connection.nextAt }),
      },
    }),
    ...(foreignConnections !== undefined && {
      app: {
        kind: 'foreign_client',
        botId,
        name,
        cause: `Feishu counts ${foreignConnections} more connections of this app than ours, and gives each event to only one of them`,
        nextStep:
          'stop the other client, or give it an app of its own; another instance of this program with the same bots counts too',
      },
    }),
  }
}

function flooding(botId: string, name: string, { cause, isFatal }: Flood): Condition {
  const nextStep = isFatal ? 'the worker was ended and is restarted' : 'output over the limit is dropped'
  return { kind: 'worker_flooding', botId, name, cause, nextStep }
}

function dropping(botId: string, name: string, count: number): Condition {
  return {
    kind: 'frames_dropped',
    botId,
    name,
    cause: `${count} frames within a minute could not be read`,
    nextStep: 'check the network between this machine and Feishu; Feishu pushes the events of these frames again',
  }
}

function connectionAlert({ state, trouble, attempt }: ConnectionStatus, fastAttempts: number): AlertKind | undefined {
  if (state === 'connected' || state === 'idle') return undefined
  if (trouble?.kind === 'credentials') return 'credentials_rejected'
  if (trouble?.kind === 'limit') return 'connection_limit'
  return state === 'failed' || attempt >= fastAttempts ? 'connection_failing' : undefined
}

function nextStepOf(kind: AlertKind, { nextAt }: ConnectionStatus): string {
  const person = kind === 'credentials_rejected' ? 'give the bot the right app secret, or mend the app' : undefined
  if (nextAt === undefined) return `${person ?? 'mend the cause'}; the bot does not retry by itself`
  return `${person === undefined ? '' : `${person}; `}the bot retries by itself`
}
