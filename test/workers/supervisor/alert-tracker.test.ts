import { describe, expect, it } from 'vitest'
import type { ChildStatus } from '../../../src/core/lifecycle/child-status.ts'
import type { NamedEvent } from '../../../src/protocol/model/events.ts'
import type { ConnectionStatus, ConnectionTroubleKind, Flood } from '../../../src/protocol/model/status.ts'
import { AlertTracker } from '../../../workers/supervisor/health/alert-tracker.ts'

const NOW = 1_700_000_000_000

function watching() {
  const events: NamedEvent[] = []
  const tracker = new AlertTracker(3, (event) => events.push(event))
  const see = (
    child: Partial<ChildStatus>,
    connection: Partial<ConnectionStatus>,
    { flood, now = NOW }: { flood?: Flood; now?: number } = {},
  ): string[] => {
    const before = events.length
    tracker.observe(
      {
        botId: 'b1',
        name: 'Helper',
        child: { state: 'running', since: 0, incarnation: 1, restartsInWindow: 0, restartCount: 0, ...child },
        connection: { state: 'idle', since: 0, attempt: 0, ...connection },
        ...(flood === undefined ? {} : { flood }),
      },
      now,
    )
    return events.slice(before).map(wordOf)
  }
  return { tracker, see, events }
}

function wordOf({ kind, event }: NamedEvent): string {
  if (kind === 'alert') return `${event.state} ${event.kind}`
  return kind === 'restart' ? `restart ${event.restartCount}` : kind
}

function trouble(kind: ConnectionTroubleKind) {
  return { kind, code: 'X', message: `${kind} trouble` }
}

const lastExit = {
  at: 1,
  reason: 'crashed',
  exitCode: 1,
  error: { code: 'INTERNAL', message: 'boom', retryable: false },
} as const

describe('alerts of bots', () => {
  it('says nothing of a bot that starts, connects and has a short trouble', () => {
    const { see } = watching()
    const seen = [
      see({ state: 'starting' }, {}),
      see({}, { state: 'connecting' }),
      see({}, { state: 'connected' }),
      see({}, { state: 'reconnecting', attempt: 2, trouble: trouble('network') }),
      see({}, { state: 'connected' }),
      see({ state: 'stopped' }, {}),
    ]
    expect(seen.flat()).toEqual([])
  })

  it('tells of an endless trouble once, and when it is over', () => {
    const { see, events } = watching()
    const failing = { attempt: 3, trouble: trouble('network') }
    expect(see({}, { ...failing, state: 'reconnecting', nextAt: NOW + 5 })).toEqual(['raised connection_failing'])
    expect(events[0]?.event).toEqual({
      kind: 'connection_failing',
      state: 'raised',
      at: NOW,
      botId: 'b1',
      name: 'Helper',
      cause: 'network trouble',
      attempt: 3,
      nextStep: 'the bot retries by itself',
      nextAt: NOW + 5,
    })
    expect(see({}, { ...failing, state: 'connecting' })).toEqual([])
    // A worker that starts again has no connection, which mends nothing.
    expect(see({ state: 'starting' }, {})).toEqual([])
    expect(see({}, { ...failing, attempt: 4, state: 'reconnecting' })).toEqual([])
    expect(see({}, { state: 'connected' })).toEqual(['cleared connection_failing'])
    expect(see({}, { state: 'connected' })).toEqual([])
  })

  it.each([
    ['credentials', 'failed', 'credentials_rejected'],
    ['limit', 'reconnecting', 'connection_limit'],
  ] as const)('tells of %s at the first attempt', (kind, state, alert) => {
    const { see } = watching()
    expect(see({}, { state, attempt: 1, trouble: trouble(kind) })).toEqual([`raised ${alert}`])
    expect(see({ state: 'stopped' }, {})).toEqual([`cleared ${alert}`])
  })

  it('tells when one trouble becomes another', () => {
    const { see } = watching()
    expect(see({}, { state: 'reconnecting', attempt: 5, trouble: trouble('server') })).toEqual([
      'raised connection_failing',
    ])
    expect(see({}, { state: 'failed', attempt: 6, trouble: trouble('credentials') })).toEqual([
      'cleared connection_failing',
      'raised credentials_rejected',
    ])
    expect(see({}, { state: 'connected' })).toEqual(['cleared credentials_rejected'])
  })

  it('says that nothing follows by itself where it was told to give up', () => {
    const { see, events } = watching()
    see({}, { state: 'failed', attempt: 1, trouble: trouble('credentials') })
    expect(events[0]?.event).toMatchObject({
      nextStep: 'give the bot the right app secret, or mend the app; the bot does not retry by itself',
    })
    expect(events[0]?.event).not.toHaveProperty('nextAt')
  })

  it('tells of another client beside a connection that is well', () => {
    const { see } = watching()
    expect(see({}, { state: 'connected', foreignConnections: 1 })).toEqual(['raised foreign_client'])
    expect(see({}, { state: 'connected', foreignConnections: 2 })).toEqual([])
    expect(see({}, { state: 'reconnecting', attempt: 1, trouble: trouble('network') })).toEqual([])
    expect(see({}, { state: 'connected' })).toEqual(['cleared foreign_client'])
  })

  it('tells of every restart once, and of a worker that is parked', () => {
    const { see, events } = watching()
    const restarting = { state: 'restarting', restartCount: 1, lastExit, nextAt: NOW + 9 } as const
    expect(see(restarting, {})).toEqual(['restart 1'])
    expect(see(restarting, {})).toEqual([])
    expect(events[0]?.event).toMatchObject({ reason: 'crashed', error: { message: 'boom' }, nextAt: NOW + 9 })
    expect(see({ ...restarting, restartCount: 2 }, {})).toEqual(['restart 2'])
    expect(see({ state: 'failed', restartCount: 2, lastExit, nextStep: 'mend it' }, {})).toEqual([
      'raised worker_failed',
    ])
    expect(events.at(-1)?.event).toMatchObject({ cause: 'boom', attempt: 2, nextStep: 'mend it' })
    expect(see({ state: 'starting' }, {})).toEqual([])
    expect(see({ state: 'running' }, {})).toEqual(['cleared worker_failed'])
  })

  it('tells of workers that cannot be ended, again when it got worse, and what follows', () => {
    const { see, events } = watching()
    const since = Date.UTC(2026, 0, 2)
    expect(see({ state: 'restarting', lastExit, restartCount: 1, stuck: { count: 1, since } }, {})).toEqual([
      'restart 1',
      'raised worker_stuck',
    ])
    expect(events.at(-1)?.event).toMatchObject({
      cause: 'a worker of the bot sits in native code since 2026-01-02T00:00:00.000Z and cannot be ended',
      nextStep: expect.stringMatching(/^another worker takes its place; .*isolation 'process'/),
    })
    expect(events.at(-1)?.event).not.toHaveProperty('extent')
    // Feishu counts the connection of the old one, which is no other client.
    const connected = { state: 'connected', foreignConnections: 1 } as const
    expect(see({ stuck: { count: 1, since } }, connected)).toEqual([])
    expect(see({ stuck: { count: 1, since } }, { ...connected, foreignConnections: 2 })).toEqual([
      'raised foreign_client',
    ])
    expect(events.at(-1)?.event).toMatchObject({ cause: expect.stringContaining('counts 1 more connections') })
    expect(see({ stuck: { count: 1, since } }, connected)).toEqual(['cleared foreign_client'])
    expect(see({ state: 'failed', lastExit, stuck: { count: 2, since } }, {})).toEqual([
      'raised worker_failed',
      'raised worker_stuck',
    ])
    expect(events.at(-1)?.event).toMatchObject({
      cause: expect.stringContaining('2 workers of the bot sit'),
      nextStep: expect.stringContaining('no further worker until one of them ends'),
    })
    expect(see({ state: 'failed', lastExit, stuck: { count: 1, since } }, {})).toEqual([])
    expect(see({}, { state: 'connected' })).toEqual(['cleared worker_failed', 'cleared worker_stuck'])
  })

  it('forgets a bot that was removed', () => {
    const { see, tracker, events } = watching()
    expect(see({ state: 'stopped', stuck: { count: 1, since: 1 } }, {})).toEqual(['raised worker_stuck'])
    tracker.forget('b', NOW)
    expect(events).toHaveLength(1)
    tracker.forget('b1', NOW)
    expect(events.slice(1).map(wordOf)).toEqual(['cleared worker_stuck'])
  })

  it('tells of floods until there was none for a minute', () => {
    const { see, events } = watching()
    const flood = { at: NOW, cause: 'it prints too much', isFatal: false }
    expect(see({}, {}, { flood })).toEqual(['raised worker_flooding'])
    expect(events[0]?.event).toMatchObject({
      botId: 'b1',
      cause: flood.cause,
      nextStep: 'output over the limit is dropped',
    })
    expect(see({}, {}, { flood: { ...flood, at: NOW + 30_000, isFatal: true }, now: NOW + 30_000 })).toEqual([])
    const last = { flood: { ...flood, at: NOW + 30_000 } }
    expect(see({}, {}, { ...last, now: NOW + 70_000 })).toEqual([])
    expect(see({}, {}, { ...last, now: NOW + 100_000 })).toEqual(['cleared worker_flooding'])
    expect(see({}, {}, { ...last, now: NOW + 110_000 })).toEqual([])
  })

  it('tells of masses of dropped frames, counted over the workers of a bot', () => {
    const { see, events } = watching()
    const dropped = (n: number) => ({ state: 'connected', droppedFrames: { garbage: n, 'no sum': 1 } }) as const
    expect(see({}, dropped(60))).toEqual([])
    expect(see({}, dropped(60))).toEqual([])
    // A new worker.
    expect(see({}, dropped(20), { now: NOW + 1_000 })).toEqual([])
    expect(see({}, dropped(40), { now: NOW + 2_000 })).toEqual(['raised frames_dropped'])
    expect(events[0]?.event).toMatchObject({ botId: 'b1', cause: '102 frames within a minute could not be read' })
    expect(see({}, dropped(40), { now: NOW + 90_000 })).toEqual(['cleared frames_dropped'])
    expect(see({}, dropped(139), { now: NOW + 91_000 })).toEqual([])
    expect(see({ state: 'stopped' }, {}, { now: NOW + 92_000 })).toEqual([])
  })

  it('tells of the database without a bot', () => {
    const { tracker, events } = watching()
    const error = { code: 'STORE_UNAVAILABLE', message: 'no route', retryable: true } as const
    tracker.observeStore(undefined, NOW)
    tracker.observeStore(error, NOW)
    tracker.observeStore(error, NOW)
    tracker.observeStore(undefined, NOW)
    expect(events.map(wordOf)).toEqual(['raised store_unavailable', 'cleared store_unavailable'])
    expect(events[0]?.event).not.toHaveProperty('botId')
  })
})
