import {
  type BotReport,
  type ConnectionWord,
  connectionWord,
  foreignConnections,
  type SupervisorStatus,
} from '../../protocol/model/status.ts'
import { instantOf, iso } from './instant.ts'

export interface ConnectionView {
  readonly botId: string
  readonly state: ConnectionWord
  /** Start of the current connection, ISO 8601 like all instants here. */
  readonly connectedAt?: string
  /** Last pong of the gateway. */
  readonly lastHeartbeat?: string
  readonly lastEventAt?: string
  /** Problem and next step; also present during a retry. */
  readonly error?: string
  /** Failed attempts since the last good connection. */
  readonly attempt?: number
  readonly nextAttemptAt?: string
}

/** Body of GET /api/feishu/bots/:id/ws/status. */
export function connectionView(bot: BotReport, fastAttempts: number): ConnectionView {
  const { botId, child, connection } = bot
  return {
    botId,
    state: connectionWord(bot, fastAttempts),
    ...instantOf('connectedAt', connection.connectedAt),
    ...instantOf('lastHeartbeat', connection.lastPongAt),
    ...instantOf('lastEventAt', connection.lastEventAt),
    ...errorOf(bot),
    ...(connection.attempt > 0 ? { attempt: connection.attempt } : {}),
    ...instantOf('nextAttemptAt', connection.nextAt ?? child.nextAt),
  }
}

function errorOf(bot: BotReport): { error?: string } {
  const trouble = troubleOf(bot)
  if (trouble === undefined) return {}
  return { error: trouble.nextStep === undefined ? trouble.cause : `${trouble.cause}; ${trouble.nextStep}` }
}

/** Reason why a bot gets no events or loses some. `nextStep` is absent when `cause` already says what to do. */
export function troubleOf(report: BotReport): { cause: string; nextStep?: string } | undefined {
  const { child, connection, obstacle } = report
  if (child.hungSince !== undefined)
    return { cause: `the worker hangs since ${iso(child.hungSince)}`, nextStep: child.nextStep ?? '' }
  if (connection.trouble !== undefined) return { cause: connection.trouble.message }
  const foreignCount = foreignConnections(report)
  if (foreignCount > 0) return { cause: foreignText(foreignCount) }
  if (child.state === 'failed' || child.state === 'restarting') {
    const { reason = 'ended', error } = child.lastExit ?? {}
    return { cause: `worker ${reason}: ${error?.message ?? reason}`, nextStep: child.nextStep ?? '' }
  }
  return obstacle === undefined ? undefined : { cause: obstacle }
}

function foreignText(count: number): string {
  return `another client is connected with this app id (${count} more), and Feishu gives each event to only one of them: stop it, or give it an app of its own`
}

/** Body of GET /api/feishu/supervisor. */
export function supervisorView(status: SupervisorStatus) {
  const { bots, startedAt, lastExit, store, ...rest } = status
  const { stuckBots, ...pool } = rest.pool
  // The caller may not see every bot.
  const shownBots = stuckBots?.filter(({ botId }) => bots.some((bot) => bot.botId === botId)) ?? []
  return {
    state: status.state,
    ...instantOf('startedAt', startedAt),
    incarnation: rest.incarnation,
    restarts: rest.restarts,
    ...(lastExit === undefined ? {} : { lastExit: { ...lastExit, at: iso(lastExit.at) } }),
    bots: bots.map(({ botId, name, child, connection, memoryMb, flood, obstacle }) => ({
      botId,
      name,
      ...(obstacle === undefined ? {} : { obstacle }),
      ...(memoryMb === undefined ? {} : { memoryMb }),
      ...(flood === undefined ? {} : { flood: { ...flood, at: iso(flood.at) } }),
      child: {
        state: child.state,
        since: iso(child.since),
        incarnation: child.incarnation,
        restarts: child.restartCount,
        restartsInWindow: child.restartsInWindow,
        ...(child.lastExit === undefined ? {} : { lastExit: { ...child.lastExit, at: iso(child.lastExit.at) } }),
        ...instantOf('hungSince', child.hungSince),
        ...(child.stuck === undefined ? {} : { stuck: { ...child.stuck, since: iso(child.stuck.since) } }),
        ...(child.nextStep === undefined ? {} : { nextStep: child.nextStep }),
        ...instantOf('nextAt', child.nextAt),
      },
      connection: {
        state: connection.state,
        attempt: connection.attempt,
        ...(connection.trouble === undefined ? {} : { cause: connection.trouble }),
        ...instantOf('nextAt', connection.nextAt),
        ...instantOf('lastPongAt', connection.lastPongAt),
        ...instantOf('lastEventAt', connection.lastEventAt),
        ...(connection.foreignConnections === undefined ? {} : { foreignConnections: connection.foreignConnections }),
        ...(connection.droppedFrames === undefined ? {} : { droppedFrames: connection.droppedFrames }),
      },
    })),
    pool: { ...pool, ...(shownBots.length > 0 && { stuckBots: shownBots }) },
    inbox: rest.inbox,
    store,
    ...(rest.botSource === undefined ? {} : { botSource: rest.botSource }),
  }
}
