import { afterEach, expect, it } from 'vitest'
import { Recorder } from '../support/recorder.ts'
import { oneOf, seededRandom } from '../support/seeded-random.ts'
import { Client, startedSupervisor } from '../support/http.ts'
import { Cleanups } from '../support/system.ts'
import { openSimulator } from './support.ts'

const cleanups = new Cleanups()
afterEach(cleanups.run)

/** Orders about one bot are carried out one after the other. */
const BOTS = ['Ada', 'Ben', 'Cleo', 'Dan'].map((name, index) => ({
  appId: `cli_00000000000000${index}0`,
  appSecret: `fake-secret-${index}`,
  name,
}))
const ORDERS = 200
const PARALLEL = 8
const SEED = Number(process.env['ORDERS_SEED'] ?? Math.floor(Math.random() * 1e9))

const VERBS = ['connect', 'disconnect', 'restart', 'remove', 'add'] as const
type Verb = (typeof VERBS)[number]
type App = (typeof BOTS)[number]

/** What was accepted of one app last, and which of its bots it was about. */
interface Fate {
  botId: string
  isConnected: boolean
}

it(`200 orders at random, 8 at a time, by HTTP and by the handle: the last one accepted counts, and no app has two connections (C6, ORDERS_SEED=${SEED})`, async () => {
  const random = seededRandom(SEED)
  const simulator = await openSimulator(cleanups, { apps: BOTS })
  for (const [delayMs, probability] of [
    [500, 0.2],
    [250, 0.3],
    [60, 0.5],
  ] as const) {
    await simulator.client.inject({ kind: 'fail_next', call: 'discovery', delayMs, probability, seed: SEED })
  }
  const open = new Map<string, Set<string>>(BOTS.map(({ appId }) => [appId, new Set()]))
  let most = 0
  const seen = new Recorder<string>()
  const unfollow = simulator.client.follow((entry) => {
    if (entry.kind !== 'connection_opened' && entry.kind !== 'connection_closed') return
    const connections = open.get(entry.appId)
    if (entry.kind === 'connection_opened') connections?.add(entry.connectionId)
    else connections?.delete(entry.connectionId)
    most = Math.max(most, connections?.size ?? 0)
    seen.add(entry.kind)
  })
  cleanups.add(async () => unfollow())

  const before = timers()
  const supervisor = await startedSupervisor(cleanups)
  const client = new Client(supervisor)
  const states = new Map<string, string>()
  supervisor.on('bot', ({ botId, connection }) => {
    states.set(botId, connection.state)
    seen.add(connection.state)
  })
  supervisor.on('removed', ({ botId }) => states.delete(botId))
  const fates = new Map<string, Fate>()
  for (const app of BOTS)
    fates.set(app.appId, { botId: '', isConnected: false, ...(await obey('add', '', app, false)) })

  let left = ORDERS
  const accepted = new Map<Verb, number>()
  const giveOrders = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      const app = oneOf(BOTS, random)
      const { appId } = app
      const verb = oneOf(VERBS, random)
      const change = await obey(verb, (fates.get(appId) as Fate).botId, app, random() < 0.5)
      if (change === undefined) continue
      accepted.set(verb, (accepted.get(verb) ?? 0) + 1)
      fates.set(appId, { ...(fates.get(appId) as Fate), ...change })
    }
  }

  /** What it changes once it is accepted; undefined if it is refused. */
  async function obey(verb: Verb, botId: string, app: App, isByHttp: boolean): Promise<Partial<Fate> | undefined> {
    const url = `/api/feishu/bots/${botId}`
    const byHttp = async (method: string, path: string): Promise<void> => {
      const { ok, status } = await client.send(method, path)
      if (!ok) throw new Error(`answered with ${status}`)
    }
    const orders: Readonly<Record<Verb, () => Promise<Partial<Fate>>>> = {
      connect: async () => {
        await (isByHttp ? byHttp('POST', `${url}/ws/connect`) : supervisor.updateBot(botId, { useWebSocket: true }))
        return { isConnected: true }
      },
      disconnect: async () => {
        await (isByHttp ? byHttp('POST', `${url}/ws/disconnect`) : supervisor.updateBot(botId, { useWebSocket: false }))
        return { isConnected: false }
      },
      restart: async () => {
        await (isByHttp ? byHttp('POST', `${url}/restart`) : supervisor.restartBot(botId))
        return {}
      },
      remove: async () => {
        await (isByHttp ? byHttp('DELETE', url) : supervisor.removeBot(botId))
        return { isConnected: false }
      },
      add: async () => ({
        botId: (await supervisor.addBot({ ...app, domain: simulator.url, useWebSocket: true })).id,
        isConnected: true,
      }),
    }
    return await orders[verb]().catch(() => undefined)
  }

  await Promise.all(Array.from({ length: PARALLEL }, giveOrders))
  for (const verb of VERBS) expect(accepted.get(verb) ?? 0).toBeGreaterThan(3)

  const isSettled = (): boolean =>
    BOTS.every(({ appId }) => {
      const { botId, isConnected } = fates.get(appId) as Fate
      const isShown = (states.get(botId) === 'connected') === isConnected
      return isShown && open.get(appId)?.size === (isConnected ? 1 : 0)
    })
  await seen.until(isSettled, 30_000)
  expect(most).toBe(1)

  await supervisor.stop(1_000)
  await seen.until(() => [...open.values()].every(({ size }) => size === 0), 10_000)
  expect(timers()).toBeLessThanOrEqual(before)
}, 120_000)

/** Of this thread, whose handle and routes must leave none; those of the other threads end with them. */
function timers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
}
