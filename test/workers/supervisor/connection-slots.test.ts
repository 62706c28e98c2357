import { describe, expect, it } from 'vitest'
import type { BotStatus } from '../../../src/protocol/model/status.ts'
import type { Bot } from '../../../src/store/store.ts'
import { ConnectionSlots } from '../../../workers/supervisor/bots/connection-slots.ts'
import { FakeClock, settle } from '../../support/fake-clock.ts'
import { storedBot } from '../../support/bots.ts'

function bot(id: string, more: Partial<Bot> = {}): Bot {
  return storedBot(id, { appId: id, ...more })
}

function status(botId: string, state: BotStatus['child']['state'], connectedAt?: number): BotStatus {
  return {
    botId,
    name: botId,
    child: { state, since: 0, incarnation: 1, restartsInWindow: 0, restartCount: 0 },
    connection: {
      state: connectedAt === undefined ? 'idle' : 'connected',
      since: 0,
      attempt: 0,
      ...(connectedAt === undefined ? {} : { connectedAt }),
    },
  }
}

function fleetOf(maxConnections: number, rotateEveryMs = 0) {
  const clock = new FakeClock()
  const started: string[] = []
  const rotations: { botId: string; mayOverlap: boolean; done: () => void }[] = []
  const rested: BotStatus[] = []
  const resting = new Set<string>()
  const fleet = new ConnectionSlots({
    maxConnections,
    rotateEveryMs,
    clock,
    random: () => 0,
    start: ({ id }) => {
      started.push(id)
      resting.delete(id)
    },
    rotate: (botId, mayOverlap) =>
      new Promise<void>((resolve) => {
        rotations.push({ botId, mayOverlap, done: resolve })
      }),
    rests: (one) => {
      rested.push(one)
      resting.add(one.botId)
    },
  })
  return { clock, fleet, started, rotations, rested, resting }
}

describe('the places of an instance', () => {
  it('are given in order, and the rest waits visibly', () => {
    const { fleet, started, rested, resting } = fleetOf(2)
    for (const id of ['a', 'b', 'c', 'd']) fleet.start(bot(id))
    expect(started).toEqual(['a', 'b'])
    expect([...resting]).toEqual(['c', 'd'])
    expect(rested[0]?.child.nextStep).toContain('all 2 connections of this instance are taken')
  })

  it.each(['failed', 'stopped'] as const)('go to the next in line when a bot has %s', (state) => {
    const { fleet, started, resting } = fleetOf(1)
    for (const id of ['a', 'b', 'c']) fleet.start(bot(id))
    fleet.changed(status('a', 'restarting'))
    expect(started).toEqual(['a'])
    fleet.changed(status('a', state))
    fleet.changed(status('a', state))
    expect(started).toEqual(['a', 'b'])
    expect([...resting]).toEqual(['c'])
    // Whoever left waits behind the others.
    fleet.start(bot('a'))
    fleet.changed(status('b', state))
    fleet.changed(status('c', state))
    expect(started).toEqual(['a', 'b', 'c', 'a'])
  })

  it('are kept by a bot that is started twice, and not taken by one that needs none', () => {
    const { fleet, started, rested } = fleetOf(2)
    fleet.start(bot('off', { enabled: false }))
    fleet.start(bot('hook', { useWebSocket: false }))
    fleet.start(bot('a'))
    fleet.start(bot('a'))
    fleet.start(bot('b'))
    expect(started).toEqual(['a', 'a', 'b'])
    expect(rested.map(({ child }) => child.nextStep)).toEqual(['the bot is disabled', 'the bot is in webhook mode'])
  })

  it('are not given any more once the instance stops', () => {
    const { fleet, started, clock } = fleetOf(1, 1_000)
    fleet.start(bot('a'))
    fleet.start(bot('b'))
    fleet.changed(status('a', 'running', clock.now()))
    fleet.close()
    fleet.changed(status('a', 'stopped'))
    expect(started).toEqual(['a'])
    expect(clock.timerCount).toBe(0)
  })
})

describe('rotation', () => {
  it('is ordered at the age of a connection, again for the fresh one, and not for one that is gone', async () => {
    const { fleet, clock, rotations } = fleetOf(10, 1_000)
    fleet.start(bot('a'))
    const first = clock.now()
    fleet.changed(status('a', 'running', first))
    await clock.advance(999)
    fleet.changed(status('a', 'running', first))
    expect(rotations).toEqual([])
    await clock.advance(1)
    expect(rotations).toMatchObject([{ botId: 'a', mayOverlap: true }])
    fleet.changed(status('a', 'running', clock.now()))
    rotations[0]?.done()
    await clock.advance(1_000)
    expect(rotations).toHaveLength(2)
    rotations[1]?.done()
    fleet.changed(status('a', 'running'))
    await clock.advance(5_000)
    expect(rotations).toHaveLength(2)
  })

  it('that changed nothing is ordered again', async () => {
    const { fleet, clock, rotations } = fleetOf(10, 1_000)
    fleet.start(bot('a'))
    fleet.changed(status('a', 'running', clock.now()))
    await clock.advance(1_000)
    rotations[0]?.done()
    await clock.advance(1_000)
    expect(rotations).toHaveLength(2)
  })

  it('has no overlap when there is no place for one, and one that has counts as a place', async () => {
    const { fleet, clock, rotations, started } = fleetOf(3, 1_000)
    fleet.start(bot('a'))
    fleet.start(bot('b'))
    for (const id of ['a', 'b']) fleet.changed(status(id, 'running', clock.now()))
    await clock.advance(1_000)
    expect(rotations).toMatchObject([
      { botId: 'a', mayOverlap: true },
      { botId: 'b', mayOverlap: false },
    ])
    fleet.start(bot('c'))
    expect(started).toEqual(['a', 'b'])
    rotations[0]?.done()
    await settle()
    expect(started).toEqual(['a', 'b', 'c'])
  })
})
