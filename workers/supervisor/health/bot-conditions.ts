import type { ChildStatus } from '../../../src/core/lifecycle/child-status.ts'
import type { Alert, AlertKind } from '../../../src/protocol/model/events.ts'
import {
  type BotStatus,
  type ConnectionStatus,
  type Flood,
  foreignConnections,
} from '../../../src/protocol/model/status.ts'

/** A current problem: an `Alert` without time and state. */
export interface Condition extends Omit<Alert, 'at' | 'state'> {
  /** How bad it is, by what it is about. The alert is raised again when one of these numbers has grown. */
  readonly extent?: Readonly<Record<string, number>>
}

/** Part of a bot. Each part has at most one condition at a time. */
export type Part = 'worker' | 'stuck' | 'connection' | 'app' | 'flood' | 'frames'

type StuckWorkers = NonNullable<ChildStatus['stuck']>

/** Alert conditions of one bot. Pure. */
export function conditionsOf(status: BotStatus, fastAttempts: number): { readonly [P in Part]?: Condition } {
  const { botId, name, child, connection } = status
  const kind = connectionAlert(connection, fastAttempts)
  const foreignCount = foreignConnections(status)
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
    ...(child.stuck !== undefined && { stuck: stuckWorkers(status, child.stuck) }),
    ...(foreignCount > 0 && {
      app: {
        kind: 'foreign_client',
        botId,
        name,
        cause: `Feishu counts ${foreignCount} more connections of this app than ours, and gives each event to only one of them`,
        nextStep:
          'stop the other client, or give it an app of its own; another instance of this program with the same bots counts too',
      },
    }),
  }
}

function stuckWorkers({ botId, name, child }: BotStatus, { count, since }: StuckWorkers): Condition {
  const what = count === 1 ? 'a worker of the bot sits' : `${count} workers of the bot sit`
  return {
    kind: 'worker_stuck',
    botId,
    name,
    cause: `${what} in native code since ${new Date(since).toISOString()} and cannot be ended`,
    nextStep: `${STUCK_NEXT[child.state] ?? 'another worker takes its place'}; ${STUCK_MEND}`,
    extent: { workers: count },
  }
}

const STUCK_NEXT: Partial<Record<ChildStatus['state'], string>> = {
  failed: 'the bot gets no further worker until one of them ends, or the process is restarted',
  stopped: 'its thread is gone when that code returns, or the process is restarted',
}

const STUCK_MEND =
  'a long connection of it stays open until its thread ends or Feishu closes it, and what Feishu pushes there comes ' +
  "again later; find the call that does not return, or give the bot isolation 'process': then its worker can always be ended"

export function flooding(botId: string, name: string, { cause, isFatal }: Flood): Condition {
  const nextStep = isFatal ? 'the worker was ended and is restarted' : 'output over the limit is dropped'
  return { kind: 'worker_flooding', botId, name, cause, nextStep }
}

export function dropping(botId: string, name: string, count: number): Condition {
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
