import { describe, expect, it } from 'vitest'
import { resolveOptions } from '../../../src/options/options.ts'
import type { ConnectionTrouble, ConnectionTroubleKind } from '../../../src/protocol/model/status.ts'
import {
  type ConnectionEvent,
  type ConnectionState,
  retryDelayMs,
  stepConnection,
} from '../../../workers/bot/connection/connection-lifecycle.ts'

const options = resolveOptions().thread.connection
const NOW = 1_000_000

function trouble(kind: ConnectionTroubleKind): ConnectionTrouble {
  return { kind, code: '1', message: kind }
}

const retry = { attempt: 2, trouble: trouble('network'), nextAt: NOW }

const states = {
  idle: { name: 'idle', since: 1 },
  connecting: { name: 'connecting', since: 1, attempt: 2 },
  connected: { name: 'connected', since: 1, attempt: 2 },
  rotating: { name: 'rotating', since: 1, attempt: 2 },
  reconnecting: { name: 'reconnecting', since: 1, ...retry },
  failed: { name: 'failed', since: 1, ...retry },
} as const satisfies Record<string, ConnectionState>

const events = {
  connect: { kind: 'connect' },
  opened: { kind: 'opened' },
  ended: { kind: 'ended', trouble: trouble('network') },
  refused: { kind: 'ended', trouble: trouble('credentials') },
  successorEnded: { kind: 'successor_ended' },
  rotate: { kind: 'rotate', mayOverlap: true },
  replace: { kind: 'rotate', mayOverlap: false },
  due: { kind: 'due' },
  reconfigured: { kind: 'reconfigured' },
  disconnect: { kind: 'disconnect' },
} as const satisfies Record<string, ConnectionEvent>

type StateName = keyof typeof states
type EventName = keyof typeof events

const table: Record<StateName, Record<EventName, string>> = {
  idle: {
    connect: 'connecting: open',
    opened: 'same',
    ended: 'same',
    refused: 'same',
    successorEnded: 'same',
    rotate: 'same',
    replace: 'same',
    due: 'same',
    reconfigured: 'same',
    disconnect: 'idle:',
  },
  connecting: {
    connect: 'same',
    opened: 'connected:',
    ended: 'reconnecting: schedule',
    refused: 'failed: schedule',
    successorEnded: 'same',
    rotate: 'same',
    replace: 'same',
    due: 'same',
    reconfigured: 'connecting: close open',
    disconnect: 'idle: unschedule close',
  },
  connected: {
    connect: 'same',
    opened: 'same',
    ended: 'reconnecting: schedule',
    refused: 'failed: schedule',
    successorEnded: 'same',
    rotate: 'rotating: open',
    replace: 'connecting: close open',
    due: 'same',
    reconfigured: 'same',
    disconnect: 'idle: unschedule close',
  },
  rotating: {
    connect: 'same',
    opened: 'connected: retire',
    ended: 'connecting:',
    refused: 'connecting:',
    successorEnded: 'connected:',
    rotate: 'same',
    replace: 'same',
    due: 'same',
    reconfigured: 'same',
    disconnect: 'idle: unschedule close',
  },
  reconnecting: {
    connect: 'connecting: unschedule open',
    opened: 'same',
    ended: 'same',
    refused: 'same',
    successorEnded: 'same',
    rotate: 'same',
    replace: 'same',
    due: 'connecting: open',
    reconfigured: 'connecting: unschedule open',
    disconnect: 'idle: unschedule close',
  },
  failed: {
    connect: 'connecting: unschedule open',
    opened: 'same',
    ended: 'same',
    refused: 'same',
    successorEnded: 'same',
    rotate: 'same',
    replace: 'same',
    due: 'connecting: open',
    reconfigured: 'connecting: unschedule open',
    disconnect: 'idle: unschedule close',
  },
}

const rows = (Object.keys(table) as StateName[]).flatMap((state) =>
  (Object.keys(table[state]) as EventName[]).map((event) => [state, event, table[state][event]] as const),
)

function step(state: ConnectionState, event: ConnectionEvent, now = NOW) {
  return stepConnection(state, event, now, 0.5, options)
}

describe('the connection table', () => {
  it.each(rows)('%s + %s -> %s', (name, event, expected) => {
    const { state, effects } = step(states[name], events[event])
    const actual =
      state === states[name] ? 'same' : `${state.name}: ${effects.map(({ kind }) => kind).join(' ')}`.trim()
    expect(actual).toBe(expected)
  })

  it('keeps the count and the trouble while it tries again, and drops both when somebody asks for a connection', () => {
    expect(step(states.reconnecting, events.due).state).toMatchObject({ attempt: 2, trouble: retry.trouble })
    const asked = step(states.reconnecting, events.connect).state
    expect(asked).toEqual({ name: 'connecting', since: NOW, attempt: 0 })
  })

  it('has two connections in one state only, and is never without one on the way while it rotates', () => {
    const opening = (Object.keys(table) as StateName[]).flatMap((state) =>
      (Object.keys(table[state]) as EventName[]).filter((event) => {
        const { effects } = step(states[state], events[event])
        const kinds = effects.map(({ kind }) => kind)
        const isConnected = state === 'connected' || state === 'rotating'
        return isConnected && kinds.includes('open') && !kinds.includes('close')
      }),
    )
    expect(opening).toEqual(['rotate'])
    expect(step(states.rotating, events.ended).state).toEqual({ name: 'connecting', since: NOW, attempt: 0 })
    expect(step(states.rotating, events.successorEnded).state).toEqual(states.connected)
  })

  it('starts a new count with new credentials', () => {
    for (const name of ['connecting', 'reconnecting', 'failed'] as const) {
      expect(step(states[name], events.reconfigured).state).toEqual({ name: 'connecting', since: NOW, attempt: 0 })
    }
  })

  it.each([
    ['network', 3, 'reconnecting'],
    ['network', 4, 'failed'],
    ['server', 4, 'failed'],
    ['limit', 4, 'failed'],
    ['credentials', 0, 'failed'],
  ] as const)(
    'gives up, if that is wanted, after a %s trouble with %d failed attempts before it: %s',
    (kind, attempt, name) => {
      const given = { ...options, giveUp: true }
      const ended = { kind: 'ended', trouble: trouble(kind) } as const
      const { state, effects } = stepConnection({ name: 'connecting', since: 1, attempt }, ended, NOW, 0.5, given)
      expect(state.name).toBe(name)
      // Nothing is scheduled, so only an order gets it out.
      expect(effects).toHaveLength(name === 'failed' ? 0 : 1)
      expect('nextAt' in state).toBe(name !== 'failed')
    },
  )

  it.each([
    ['a stable connection starts a new count', NOW - options.stableAfterMs, 1],
    ['a short one goes on with the old', NOW - options.stableAfterMs + 1, 3],
  ])('%s', (_name, since, attempt) => {
    expect(step({ name: 'connected', since, attempt: 2 }, events.ended).state).toMatchObject({ attempt })
  })

  it('counts a failed attempt whatever the time it took', () => {
    expect(step({ name: 'connecting', since: 0, attempt: 2 }, events.ended).state).toMatchObject({ attempt: 3 })
  })

  it.each(['reconnecting', 'failed'] as const)('gives %s a next attempt in the future', (name) => {
    const { state, effects } = step(states.connecting, name === 'failed' ? events.refused : events.ended)
    expect(state).toMatchObject({ name, nextAt: expect.any(Number) })
    const nextAt = 'nextAt' in state ? state.nextAt : 0
    expect(nextAt).toBeGreaterThan(NOW)
    expect(effects).toEqual([{ kind: 'schedule', at: nextAt }])
  })
})

describe('retryDelayMs', () => {
  it('climbs 1, 2, 4, 8, 16 s and goes on at the slow pace', () => {
    const delays = [1, 2, 3, 4, 5, 6, 7, 1_000].map((n) => retryDelayMs(trouble('network'), n, 0.5, options))
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 60_000, 60_000, 60_000])
  })

  it.each([
    ['server', 30_000],
    ['limit', 300_000],
    ['credentials', 1_800_000],
  ] as const)('waits for a %s trouble %d ms at every attempt', (kind, delay) => {
    expect([1, 5, 50].map((n) => retryDelayMs(trouble(kind), n, 0.5, options))).toEqual([delay, delay, delay])
  })

  it.each(['network', 'server'] as const)('spreads the bots after a %s trouble', (kind) => {
    const [low, high] = [0, 0.99].map((random) => retryDelayMs(trouble(kind), 1, random, options))
    expect(low).toBeLessThan(high ?? 0)
    expect(low).toBeGreaterThan(0)
  })
})
