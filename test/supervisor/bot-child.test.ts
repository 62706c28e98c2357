import { array, assert, asyncProperty, constantFrom } from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ResolvedSupervisionOptions } from '../../src/protocol/options/supervision-options.ts'
import type { BotStatus } from '../../src/protocol/model/status.ts'
import { BotChild } from '../../src/supervisor/bot-child.ts'
import type { IsolatedWorkerEvents } from '../../src/supervisor/isolation/isolated-worker.ts'
import type { BotThread, IsolatedBot } from '../../src/supervisor/spawn.ts'
import { Supervisor } from '../../src/supervisor/supervisor.ts'
import { FakeClock, settle } from '../support/fake-clock.ts'

const policy: ResolvedSupervisionOptions = {
  limit: { intensity: 3, periodMs: 10_000 },
  backoff: { firstMs: 10, maxMs: 200, factor: 2, jitter: 0 },
  stableAfterMs: 300,
  startTimeoutMs: 100,
  heartbeatMs: 100,
  hangAfterMs: 300,
  memoryMb: 64,
}

const spec = {
  botId: 'a',
  name: 'a',
  appId: 'cli_00000000000000a1',
  appSecret: 'fake',
  domain: 'http://127.0.0.1:1',
  connection: {} as never,
  isolation: 'thread',
  isIdentified: true,
} as const

interface FakeThread {
  readonly botId: string
  readonly events: IsolatedWorkerEvents
  readonly incarnation: number
  isEnding: boolean
  isGivenUp: boolean
}

/** Threads that end when the test says so. */
function world({ endsAtOnce = false } = {}) {
  const clock = new FakeClock()
  const live: FakeThread[] = []
  const statuses: BotStatus[] = []
  const ended: string[] = []
  const end = (thread: FakeThread | undefined, exitCode = 1): void => {
    if (thread === undefined || !live.includes(thread)) return
    live.splice(live.indexOf(thread), 1)
    ended.push(thread.botId)
    thread.events.exited({ exitCode })
  }
  const deps = {
    spawn: ({ botId, isolation }: IsolatedBot, incarnation: number, events: IsolatedWorkerEvents): BotThread => {
      const thread: FakeThread = { botId, events, incarnation, isEnding: false, isGivenUp: false }
      live.push(thread)
      const mine = live.filter((other) => other.botId === botId)
      expect(mine.filter(({ isGivenUp }) => !isGivenUp)).toHaveLength(1)
      expect(mine.length).toBeLessThanOrEqual(isolation === 'thread' ? 2 : 3)
      return {
        control: { call: () => Promise.resolve() } as never,
        dataPort: {} as never,
        pulse: () => ({ beats: 0, memoryMb: 17, utilization: 0 }),
        terminate: () => {
          thread.isEnding = true
          if (endsAtOnce) queueMicrotask(() => end(thread))
        },
      }
    },
    policy,
    clock,
    random: () => 0.5,
    spawned: () => {},
    // With the id of the bot, or without where there is only one.
    gone: (...args: [string, number] | [number]) => {
      const gone = live.filter(
        ({ incarnation, botId }) => incarnation === args.at(-1) && (args.length === 1 || botId === args[0]),
      )
      for (const thread of gone) thread.isGivenUp = true
    },
    changed: (status: BotStatus) => statuses.push(status),
    log: () => {},
    identified: () => {},
  }
  return { clock, live, ended, end, statuses, deps }
}

describe('one bot', () => {
  it('that was ended because it told too much comes back, within the same second', async () => {
    const { clock, deps, live, end } = world()
    const child = new BotChild({ ...deps, spec })
    child.start()
    const [first] = live
    const record = { at: 0, level: 'info', scope: 'x', message: 'x', fields: {} } as const
    for (let n = 0; n < 6_000; n += 1) first?.events.signal({ kind: 'log', incarnation: 1, record })
    expect(first?.isEnding).toBe(true)
    expect(child.status.flood).toMatchObject({ isFatal: true })
    end(first)
    await clock.advance(0)
    live[0]?.events.signal({ kind: 'ready', incarnation: 2 })
    expect(child.status.child).toMatchObject({ state: 'running', incarnation: 2, lastExit: { reason: 'killed' } })
    child.stop()
    end(live[0])
  })

  it('keeps the flood that ended its worker, whatever is still read of it', async () => {
    const { clock, deps, live, end } = world()
    const child = new BotChild({ ...deps, spec })
    child.start()
    const record = { at: 0, level: 'info', scope: 'x', message: 'x', fields: {} } as const
    const say = (count: number): void => {
      for (let n = 0; n < count; n += 1) live[0]?.events.signal({ kind: 'log', incarnation: 1, record })
    }
    say(6_000)
    const fatal = { cause: expect.stringContaining('sent more than'), isFatal: true }
    expect(child.status.flood).toMatchObject(fatal)
    await clock.advance(1_000)
    say(2_000)
    expect(child.status.flood).toMatchObject(fatal)
    end(live[0])
  })

  it('is stopped although it was started again before its thread was gone', async () => {
    const { deps, live, end } = world()
    const child = new BotChild({ ...deps, spec })
    child.start()
    child.stop()
    const gone = child.gone(60_000)
    child.start()
    end(live[0])
    await gone
    expect(child.status.child).toMatchObject({ state: 'starting', incarnation: 2 })
  })

  it('is restarted once by two orders at a time, and a start meanwhile does not leave it drained', async () => {
    const { deps, live, end } = world()
    const child = new BotChild({ ...deps, spec })
    child.start()
    const restarted = [child.restart(), child.restart()]
    child.start()
    await Promise.all(restarted)
    end(live[0])
    expect(child.status.child).toMatchObject({ state: 'starting', incarnation: 2 })
  })

  it('obeys the last order: a stop during the drain of a restart holds', async () => {
    const { deps, live, end } = world()
    const child = new BotChild({ ...deps, spec })
    child.start()
    const restarted = child.restart()
    child.stop()
    await restarted
    end(live[0])
    expect(child.status.child.state).toBe('stopped')
  })

  it('never has two threads, and nobody waits for ever, whatever is ordered in whatever order', async () => {
    const order = constantFrom('start', 'stop', 'restart', 'kill', 'ready', 'exit', 'wait', 'give up', 'last exit')
    await assert(
      asyncProperty(array(order, { maxLength: 40 }), async (orders) => {
        const { deps, live, end, clock } = world()
        const child = new BotChild({ ...deps, spec })
        const waits: Promise<void>[] = []
        for (const next of orders) {
          if (next === 'start') child.start()
          if (next === 'stop') {
            child.stop()
            waits.push(child.gone(1_000))
          }
          if (next === 'restart') waits.push(child.restart())
          if (next === 'kill') child.kill()
          if (next === 'ready') live[0]?.events.signal({ kind: 'ready', incarnation: live[0].incarnation })
          if (next === 'exit') end(live[0])
          if (next === 'wait') await clock.advance(50)
          if (next === 'give up') await clock.advance(3_000)
          if (next === 'last exit') end(live.at(-1))
          await settle()
          expect(child.status.child.incarnation).toBeGreaterThanOrEqual(live[0]?.incarnation ?? 0)
          const { length: stuckCount } = live.filter(({ isGivenUp }) => isGivenUp)
          expect(child.status.child.stuck?.count ?? 0).toBe(stuckCount)
        }
        await clock.advance(10_000)
        await Promise.all(waits)
        child.stop()
        while (live.length > 0) end(live[0])
        expect(child.isOver).toBe(true)
        expect(child.status.child.state).toBe('stopped')
        expect(clock.timerCount).toBe(0)
      }),
      { numRuns: 200 },
    )
  })
})

describe('a worker that does not end', () => {
  const connected = { state: 'connected', since: 1, attempt: 0, connectedAt: 1 } as const

  /** Its first worker has connected, hangs and is not ended by the order. */
  async function hanging() {
    const made = world()
    const child = new BotChild({
      ...made.deps,
      spec,
      spawn: (...args) => ({ ...made.deps.spawn(...args), pulse: () => still }),
    })
    child.start()
    const [first] = made.live
    first?.events.signal({ kind: 'ready', incarnation: 1 })
    first?.events.signal({ kind: 'connection', incarnation: 1, status: connected })
    const hungSince = made.clock.now()
    await made.clock.advance(policy.hangAfterMs)
    return { ...made, child, first, hungSince }
  }
  const still = { beats: 0, memoryMb: 17, utilization: 1 }

  it('is shown as hung since its last beat, not as connected', async () => {
    const { child, first, hungSince, end } = await hanging()
    expect(first?.isEnding).toBe(true)
    expect(child.status).toMatchObject({ child: { state: 'running', hungSince }, connection: { state: 'idle' } })
    first?.events.signal({ kind: 'connection', incarnation: 1, status: connected })
    expect(child.status.connection.state).toBe('idle')
    child.stop()
    end(first)
  })

  it('is given up and replaced; what it tells later changes nothing, its end does', async () => {
    const { child, clock, live, first, end } = await hanging()
    await clock.advance(3_000)
    expect(first?.isGivenUp).toBe(true)
    expect(live).toHaveLength(2)
    first?.events.signal({ kind: 'connection', incarnation: 1, status: connected })
    live[1]?.events.signal({ kind: 'ready', incarnation: 2 })
    expect(child.status).toMatchObject({
      child: { state: 'running', incarnation: 2, stuck: { count: 1 }, lastExit: { reason: 'hung' } },
      connection: { state: 'idle' },
    })
    end(first)
    expect(child.status.child).not.toHaveProperty('stuck')
    expect(child.status.child).toMatchObject({ state: 'running', incarnation: 2 })
    child.stop()
    end(live[0])
  })

  it('is told by an order to restart when no further one is possible, and one that ends brings it', async () => {
    const { child, clock, live, end } = await hanging()
    await clock.advance(3_000)
    await child.restart()
    const refused = child.restarted().catch((thrown: unknown) => thrown)
    await clock.advance(3_000)
    expect(await refused).toMatchObject({
      code: 'WORKER_STUCK',
      message: expect.stringMatching(/^bot a: 2 earlier threads sit in native code.*isolation 'process'/),
    })
    await child.restart()
    await expect(child.restarted()).rejects.toMatchObject({ code: 'WORKER_STUCK' })
    expect(child.status.child).toMatchObject({ state: 'failed', stuck: { count: 2 } })
    expect(live).toHaveLength(2)
    end(live[0])
    expect(child.status.child).toMatchObject({ state: 'starting', incarnation: 3, stuck: { count: 1 } })
    child.stop()
    while (live.length > 0) end(live[0])
    expect(clock.timerCount).toBe(0)
  })

  it('has a further one in any case where it is a process', async () => {
    const { deps, clock, live, end } = world()
    const child = new BotChild({ ...deps, spec: { ...spec, isolation: 'process' } })
    child.start()
    for (let n = 0; n < 2; n += 1) {
      await child.restart()
      await clock.advance(3_000)
      await child.restarted()
    }
    expect(child.status.child).toMatchObject({ state: 'starting', incarnation: 3, stuck: { count: 2 } })
    child.stop()
    while (live.length > 0) end(live[0])
  })

  it('is shown after its bot was removed, and the bot goes on where it was when it is added again', async () => {
    const { deps, clock, live, end, statuses } = world()
    const supervisor = new Supervisor(deps)
    supervisor.start(spec)
    const removed = supervisor.remove('a', 100)
    await clock.advance(100)
    await removed
    expect(await supervisor.restart('a')).toBe(false)
    await clock.advance(3_000)
    expect(supervisor.status('a')?.child).toMatchObject({ state: 'stopped', stuck: { count: 1 } })
    supervisor.start({ ...spec, isolation: 'process', name: 'again' })
    expect(live.map(({ incarnation }) => incarnation)).toEqual([1, 2])
    expect(supervisor.status('a')).toMatchObject({ name: 'again', child: { state: 'starting', stuck: { count: 1 } } })
    const again = supervisor.remove('a', 100)
    end(live[1])
    await again
    expect(supervisor.statuses).toHaveLength(1)
    end(live[0])
    expect(supervisor.statuses).toEqual([])
    expect(statuses.at(-1)?.child).not.toHaveProperty('stuck')
  })
})

describe('the memory of a worker', () => {
  it('is shown as long as there is one', async () => {
    const { deps, live, end, clock } = world()
    const child = new BotChild({ ...deps, spec })
    child.start()
    live[0]?.events.signal({ kind: 'ready', incarnation: 1 })
    await clock.advance(policy.heartbeatMs)
    expect(child.status.memoryMb).toBe(17)
    end(live[0])
    expect(child.status).not.toHaveProperty('memoryMb')
  })
})

describe('several bots', () => {
  function start(supervisor: Supervisor, ...ids: readonly string[]): void {
    for (const botId of ids) supervisor.start({ ...spec, botId, name: botId })
  }

  it('end in reverse order of their start', async () => {
    const { deps, ended } = world({ endsAtOnce: true })
    const supervisor = new Supervisor(deps)
    start(supervisor, 'a', 'b', 'c')
    await supervisor.stop(1_000)
    expect(ended).toEqual(['c', 'b', 'a'])
  })

  it('end although one of them sits in native code, and the wait for it is bounded', async () => {
    const { deps, clock, live, end } = world()
    const supervisor = new Supervisor(deps)
    start(supervisor, 'a', 'b', 'c')
    let isOver = false
    const stopped = supervisor.stop(300).then(() => {
      isOver = true
    })
    await clock.advance(150)
    expect(live.map(({ isEnding }) => isEnding)).toEqual([true, true, true])
    for (const thread of live.filter(({ botId }) => botId !== 'b')) end(thread)
    await clock.advance(149)
    expect(isOver).toBe(false)
    await clock.advance(1)
    await stopped
    expect(supervisor.statuses.map(({ child }) => child.state)).toEqual(['stopped', 'stopping', 'stopped'])
  })

  it('are told apart: one that crashes beyond its intensity parks alone, and orders are taken meanwhile', async () => {
    const { deps, clock, live, end } = world()
    const supervisor = new Supervisor(deps)
    start(supervisor, 'a', 'b')
    live[1]?.events.signal({ kind: 'ready', incarnation: 1 })
    for (let crash = 0; crash <= policy.limit.intensity; crash += 1) {
      expect(supervisor.statuses).toHaveLength(2)
      end(live.find(({ botId }) => botId === 'a'))
      await clock.advance(200)
    }
    expect(supervisor.statuses.map(({ child: { state, incarnation } }) => ({ state, incarnation }))).toEqual([
      { state: 'failed', incarnation: 4 },
      { state: 'running', incarnation: 1 },
    ])
    start(supervisor, 'b')
    expect(live).toHaveLength(1)
    expect(await supervisor.restart('a')).toBe(true)
    expect(supervisor.statuses[0]?.child).toMatchObject({ state: 'starting', restartsInWindow: 0 })
  })
})
