import { describe, expect, it } from 'vitest'
import type { ChildStatus } from '../../src/core/lifecycle/child-status.ts'
import { connectionView, supervisorView } from '../../src/http/schema/status-view.ts'
import type { BotReport, ConnectionStatus, ConnectionTroubleKind } from '../../src/protocol/model/status.ts'
import { botReport, shownBot } from '../support/bots.ts'

const FAST_ATTEMPTS = 5
const AT = Date.UTC(2026, 0, 2, 3, 4, 5)

function bot(child: Partial<ChildStatus>, connection: Partial<ConnectionStatus> = {}): BotReport {
  return botReport(shownBot('b1', { name: 'Ada', createdAt: AT }), child, connection)
}

function word(child: ChildStatus['state'], connection: Partial<ConnectionStatus> = {}): string {
  return connectionView(bot({ state: child }, connection), FAST_ATTEMPTS).state
}

function trouble(kind: ConnectionTroubleKind) {
  return { kind, code: '1', message: `trouble of ${kind}` }
}

describe('the four words', () => {
  it.each([
    ['stopped', 'disconnected'],
    ['stopping', 'disconnected'],
    ['starting', 'connecting'],
    ['restarting', 'connecting'],
    ['running', 'connecting'],
    ['failed', 'error'],
  ] as const)('a worker that is %s and has no connection yet is %s', (child, expected) => {
    expect(word(child)).toBe(expected)
  })

  it.each([
    ['connecting', {}, 'connecting'],
    ['connected', { attempt: 9 }, 'connected'],
    ['reconnecting', { attempt: 4, trouble: trouble('network') }, 'connecting'],
    ['reconnecting', { attempt: 5, trouble: trouble('network') }, 'error'],
    ['connecting', { attempt: 5, trouble: trouble('network') }, 'error'],
    ['reconnecting', { attempt: 1, trouble: trouble('limit') }, 'error'],
    ['failed', { attempt: 1, trouble: trouble('credentials') }, 'error'],
  ] as const)('a running worker whose connection is %s %j is %s', (state, more, expected) => {
    expect(word('running', { state, ...more })).toBe(expected)
  })

  it.each(['stopped', 'stopping'] as const)('a worker that is %s is not connected whatever was last heard', (child) => {
    expect(word(child, { state: 'connected' })).toBe('disconnected')
  })
})

describe('a connection as it is shown', () => {
  it('has its instants as ISO 8601 and nothing that is not known', () => {
    const connected = bot({}, { state: 'connected', connectedAt: AT, lastPongAt: AT, lastEventAt: AT })
    const iso = '2026-01-02T03:04:05.000Z'
    expect(connectionView(connected, FAST_ATTEMPTS)).toEqual({
      botId: 'b1',
      state: 'connected',
      connectedAt: iso,
      lastHeartbeat: iso,
      lastEventAt: iso,
    })
    expect(connectionView(bot({ state: 'starting' }), FAST_ATTEMPTS)).toEqual({ botId: 'b1', state: 'connecting' })
  })

  it('says what is wrong and when it goes on', () => {
    const retrying = bot({}, { state: 'reconnecting', attempt: 2, trouble: trouble('network'), nextAt: AT })
    expect(connectionView(retrying, FAST_ATTEMPTS)).toMatchObject({
      error: 'trouble of network',
      attempt: 2,
      nextAttemptAt: '2026-01-02T03:04:05.000Z',
    })
  })

  it('says that another client takes part of the events', () => {
    const shared = bot({}, { state: 'connected', foreignConnections: 1 })
    const view = connectionView(shared, FAST_ATTEMPTS)
    expect(view.state).toBe('connected')
    expect(view.error).toContain('another client is connected with this app id (1 more)')
  })

  it('tells why a worker is parked and what to do', () => {
    const lastExit = {
      at: AT,
      reason: 'crashed',
      exitCode: 1,
      error: { code: 'WORKER_UNREACHABLE', message: 'boom', retryable: true },
    } as const
    const { error } = connectionView(bot({ state: 'failed', lastExit, nextStep: 'mend it' }), FAST_ATTEMPTS)
    expect(error).toBe('worker crashed: boom; mend it')
  })
})

describe('the report of the supervisor', () => {
  it('shows every lifecycle with its cause and its next step', () => {
    const lastExit = { at: AT, reason: 'killed', exitCode: 1 } as const
    const view = supervisorView({
      state: 'running',
      incarnation: 2,
      restarts: 1,
      startedAt: AT,
      lastExit,
      bots: [
        bot(
          { state: 'restarting', lastExit, nextAt: AT, nextStep: 'soon' },
          { trouble: trouble('server'), nextAt: AT },
        ),
      ],
      pool: { threads: 2, busy: 1, queued: 0, stuck: 0 },
      inbox: { depth: 1, oldestAgeMs: 2, dead: 0 },
      store: { kind: 'pglite', ready: true },
    })
    const at = '2026-01-02T03:04:05.000Z'
    expect(view).toMatchObject({
      state: 'running',
      startedAt: at,
      restarts: 1,
      lastExit: { reason: 'killed', at },
      bots: [
        {
          botId: 'b1',
          child: { state: 'restarting', since: at, nextStep: 'soon', nextAt: at, lastExit: { reason: 'killed', at } },
          connection: { cause: { kind: 'server' }, nextAt: at },
        },
      ],
      store: { ready: true },
    })
  })
})
