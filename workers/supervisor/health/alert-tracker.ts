import { RateAlarm, type RateAlarmLimit } from '../../../src/core/time/rate-alarm.ts'
import type { ErrorRecord } from '../../../src/core/errors.ts'
import type { Alert, AlertKind, NamedEvent, RestartEvent } from '../../../src/protocol/model/events.ts'
import type { BotStatus, ConnectionStatus, Flood } from '../../../src/protocol/model/status.ts'

/** What is wrong now, less when it was noticed. */
export type Condition = Omit<Alert, 'at' | 'state'>

/** At most one condition of each part of a bot is shown at a time. */
type Part = 'worker' | 'connection' | 'app' | 'flood' | 'frames'

/** One flood is enough; it is over when there was none for a minute. */
const FLOODS: RateAlarmLimit = { count: 1, periodMs: 60_000 }

/** Frames of one bot that could not be read. */
const FRAMES: RateAlarmLimit = { count: 100, periodMs: 60_000 }

/** What of one bot is counted over time. */
interface Counts {
  readonly floods: RateAlarm
  readonly frames: RateAlarm
  floodAt: number
  /** Of the worker that is there. */
  frameCount: number
}

/** Turns the states of bots into events that are told once: restarts, and alerts when they begin, change and end. */
export class AlertTracker {
  readonly #fastAttempts: number
  readonly #emit: (event: NamedEvent) => void
  /** By bot and part, and one of the database. */
  readonly #raised = new Map<string, Condition>()
  readonly #restartCounts = new Map<string, number>()
  readonly #counts = new Map<string, Counts>()

  /** `fastAttempts`: so many failed attempts to connect are an alert. */
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
    // A worker that starts again has no connection, which does not mean that its trouble is over.
    this.#compare(key('connection'), connection, isOff || isConnected, now)
    this.#compare(key('app'), app, isOff || isConnected, now)
    const { flood, frames } = this.#rateAlarms(status, now)
    this.#compare(key('flood'), flood, true, now)
    this.#compare(key('frames'), frames, true, now)
    if (isOff) this.#counts.delete(status.botId)
  }

  /** What is wrong with a part of the instance, or that nothing is. */
  observeInstance(part: string, condition: Condition | undefined, now: number): void {
    this.#compare(part, condition, true, now)
  }

  /** The database became usable (no error) or unusable. */
  observeStore(error: ErrorRecord | undefined, now: number): void {
    const condition: Condition | undefined = error && {
      kind: 'store_unavailable',
      cause: `the database is not usable: ${error.message}`,
      nextStep: 'it is tried again by itself; events are refused meanwhile and come again',
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
    // A new worker begins at 0.
    const droppedCount = frameCount - (frameCount < counts.frameCount ? 0 : counts.frameCount)
    if (droppedCount > 0) counts.frames.add(droppedCount, now)
    counts.frameCount = frameCount
    return {
      ...(flood !== undefined && counts.floods.isOn(now) && { flood: flooding(botId, name, flood) }),
      ...(counts.frames.isOn(now) && { frames: dropping(botId, name, counts.frames.count(now)) }),
    }
  }

  /** The host's own bots can be read (no error), or not all of them. */
  observeSource(error: ErrorRecord | undefined, now: number): void {
    const condition: Condition | undefined = error && {
      kind: 'bot_source_failing',
      cause: `the bots of the host cannot be read: ${error.message}`,
      nextStep: 'it is tried again by itself; the bots that run go on as they are',
    }
    this.#compare('source', condition, true, now)
  }

  #compare(key: string, condition: Condition | undefined, isOver: boolean, now: number): void {
    const raised = this.#raised.get(key)
    if (raised !== undefined && raised.kind !== condition?.kind && (condition !== undefined || isOver)) {
      this.#raised.delete(key)
      const { nextAt: _nextAt, ...known } = raised
      const nextStep = condition === undefined ? 'nothing: it is over' : 'it became another trouble'
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

/** What of a bot a person should know. Pure. */
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
        cause: child.lastExit?.error?.message ?? child.lastExit?.reason ?? 'its worker ended',
        attempt: child.restartCount,
        nextStep: child.nextStep ?? 'start it again',
      },
    }),
    ...(kind !== undefined && {
      connection: {
        kind,
        botId,
        name,
        cause: connection.trouble?.message ?? 'there is no connection',
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
  const nextStep = isFatal ? 'it was ended and is started again' : 'what is too much is dropped'
  return { kind: 'worker_flooding', botId, name, cause, nextStep }
}

function dropping(botId: string, name: string, count: number): Condition {
  return {
    kind: 'frames_dropped',
    botId,
    name,
    cause: `${count} frames within a minute could not be read`,
    nextStep: 'look at what lies between this machine and Feishu; Feishu pushes their events again',
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
  if (nextAt === undefined) return `${person ?? 'mend the cause'}; it does not try again by itself`
  return `${person === undefined ? '' : `${person}; `}it tries again by itself`
}
