import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { FeishuSupervisorOptions } from '../../src/index.ts'
import { checkHistory } from '../../src/simulator/history/check-history.ts'
import { postgresOfFile } from '../support/postgres-of-file.ts'
import { ADA, addConnected, BEN, Cleanups, eventOf, getJson } from '../support/system.ts'

const cleanups = new Cleanups()
afterEach(cleanups.run)

const { postgres, isThere: isPostgresThere } = await postgresOfFile()

const CLEAN = { lost: 0, duplicated: 0, reordered: 0 }

/** Chats of both bots, in turn. */
const CHATS = [
  { appId: ADA.appId, chatId: 'oc_a1' },
  { appId: BEN.appId, chatId: 'oc_b1' },
  { appId: ADA.appId, chatId: 'oc_a2' },
  { appId: BEN.appId, chatId: 'oc_b2' },
]

describe.each([
  { store: 'pglite', isThere: true },
  { store: 'postgres', isThere: isPostgresThere },
])('on $store', ({ store, isThere }) => {
  const options = async (): Promise<FeishuSupervisorOptions> => ({
    dataDir: await cleanups.dataDir(),
    ...(store === 'postgres' ? { databaseUrl: postgres.url } : {}),
  })

  // One master key for the whole shared PostgreSQL database: its bots survive from test to test.
  let masterKey: string
  beforeAll(() => {
    masterKey = Buffer.alloc(32, 7).toString('base64')
  })

  it.skipIf(!isThere)('answers every message once and in order, and says so over HTTP', async () => {
    const simulator = await cleanups.simulator()
    const supervisor = cleanups.supervisor({ ...(await options()), masterKey })
    await supervisor.start()
    const adaId = await addConnected(supervisor, ADA, simulator.url)
    await addConnected(supervisor, BEN, simulator.url)

    await simulator.client.startTraffic({ chats: CHATS, count: 40, perSecond: 200 })
    await simulator.client.waitForReplies({ count: 40, timeoutMs: 20_000 })
    expect(checkHistory(await simulator.client.history())).toMatchObject({ sent: 40, acked: 40, replied: 40, ...CLEAN })

    expect(await getJson(supervisor, '/healthz')).toEqual({ status: 200, body: { status: 'ok' } })
    expect(await getJson(supervisor, '/readyz')).toMatchObject({ status: 200, body: { status: 'ready' } })
    const status = await getJson(supervisor, `/api/feishu/bots/${adaId}/ws/status`)
    expect(status).toMatchObject({ status: 200, body: { botId: adaId, state: 'connected' } })
    expect(Object(status.body)).toHaveProperty('connectedAt', expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/))
    expect(Object(status.body)).toHaveProperty('lastHeartbeat', expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/))
    expect(await getJson(supervisor, '/api/feishu/ws/status')).toMatchObject({
      body: { connections: [{ botId: adaId, state: 'connected' }, { state: 'connected' }] },
    })
    expect(await getJson(supervisor, '/api/feishu/supervisor')).toMatchObject({
      body: {
        state: 'running',
        restarts: 0,
        incarnation: 1,
        bots: [{ botId: adaId, child: { state: 'running', incarnation: 1 }, connection: { state: 'connected' } }, {}],
        inbox: { dead: 0 },
        store: { kind: store, ready: true },
      },
    })
    expect(await getJson(supervisor, '/api/feishu/bots/bot_none/ws/status')).toMatchObject({ status: 404 })
  })

  it.skipIf(!isThere)('loses and doubles nothing when bot workers and the supervisor thread are killed', async () => {
    const simulator = await cleanups.simulator()
    const supervisor = cleanups.supervisor({ ...(await options()), masterKey })
    await supervisor.start()
    const known = await supervisor.listBots()
    // The shared PostgreSQL holds the bots of the test before, with the domain of a simulator that is gone.
    const apps = known.length === 0 ? [ADA, BEN] : [fresh(ADA, 'c'), fresh(BEN, 'd')]
    for (const app of apps) if (known.length > 0) await simulator.client.addApp(app)
    const ids = []
    for (const app of apps) ids.push(await addConnected(supervisor, app, simulator.url))
    const chats = CHATS.map(({ chatId }, index) => ({ appId: apps[index % 2]?.appId ?? '', chatId }))

    await simulator.client.startTraffic({ chats, count: 200, perSecond: 50 })
    for (const id of ids) {
      await eventOf(supervisor, 'message', ({ stage }) => stage === 'replied')
      const again = eventOf(
        supervisor,
        'bot',
        ({ botId, connection }) => botId === id && connection.state === 'connected',
      )
      await supervisor.killBot(id)
      await again
    }
    await eventOf(supervisor, 'message', ({ stage }) => stage === 'received')
    supervisor.killSupervisor()

    await simulator.client.waitForReplies({ count: 200, timeoutMs: 25_000 })
    expect(checkHistory(await simulator.client.history())).toMatchObject({ sent: 200, replied: 200, ...CLEAN })
    expect(await supervisor.status()).toMatchObject({ state: 'running', restarts: 1, incarnation: 2 })
  })
})

function fresh(app: typeof ADA | typeof BEN, digit: string): { appId: string; appSecret: string; name: string } {
  return { ...app, appId: app.appId.replace(/..$/, `${digit}9`), name: `${app.name} again` }
}

it('goes on acknowledging and answering while the host thread is blocked', async () => {
  const simulator = await cleanups.simulator()
  const supervisor = cleanups.supervisor({ dataDir: await cleanups.dataDir() })
  await supervisor.start()
  await addConnected(supervisor, ADA, simulator.url)

  // Feishu takes five messages a second per chat.
  const chats = Array.from({ length: 10 }, (_, index) => ({ appId: ADA.appId, chatId: `oc_${index}` }))
  await simulator.client.startTraffic({ chats, count: 30, intervalMs: 50 })
  const from = Date.now()
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_000)
  const until = Date.now()

  const history = await simulator.client.history()
  const during = history.filter(({ at }) => at > from && at < until)
  expect(during.filter((entry) => entry.kind === 'acked').length).toBeGreaterThan(20)
  expect(during.filter((entry) => entry.kind === 'message_created').length).toBeGreaterThan(20)
  // What waited for the host would have waited for most of the time it was blocked.
  expect(checkHistory(history).maxAckMs).toBeLessThan(1_000)
})

it('shows a wrong secret with its code and the mend, and leaves the other bot alone', async () => {
  const simulator = await cleanups.simulator()
  const supervisor = cleanups.supervisor({ dataDir: await cleanups.dataDir() })
  await supervisor.start()
  const refused = eventOf(supervisor, 'bot', ({ connection }) => connection.state === 'failed')
  const { id } = await supervisor.addBot({
    ...ADA,
    appSecret: 'fake-but-wrong',
    domain: simulator.url,
    useWebSocket: true,
  })
  const benId = await addConnected(supervisor, BEN, simulator.url)
  await refused

  const { body } = await getJson(supervisor, `/api/feishu/bots/${id}/ws/status`)
  expect(body).toMatchObject({ state: 'error', error: expect.stringMatching(/514.*check the app id and app secret/) })
  await simulator.client.sendText({ appId: BEN.appId, chatId: 'oc_1', text: 'still there?' })
  await simulator.client.waitForReplies({ count: 1, timeoutMs: 10_000 })
  expect((await supervisor.status()).bots.find(({ botId }) => botId === benId)).toMatchObject({
    child: { incarnation: 1, restartCount: 0 },
  })
})

it('keeps bots beyond the connection cap visibly waiting', async () => {
  const simulator = await cleanups.simulator()
  const supervisor = cleanups.supervisor({ dataDir: await cleanups.dataDir(), maxConnections: 1 })
  await supervisor.start()
  await addConnected(supervisor, ADA, simulator.url)
  const { id } = await supervisor.addBot({ ...BEN, domain: simulator.url, useWebSocket: true })
  const { body } = await getJson(supervisor, `/api/feishu/bots/${id}/ws/status`)
  expect(body).toMatchObject({ state: 'disconnected', error: expect.stringContaining('FS_MAX_CONNECTIONS') })
})

it('asks for the API token, but not for the health routes', async () => {
  const apiToken = 'fake-token-fake-token-fake-token-fake'
  const supervisor = cleanups.supervisor({ dataDir: await cleanups.dataDir(), apiToken })
  const get = (path: string, token?: string): Response | Promise<Response> =>
    supervisor.fetch(
      new Request(
        `http://localhost${path}`,
        token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } },
      ),
    )
  expect((await get('/healthz')).status).toBe(200)
  expect((await get('/api/feishu/ws/status')).status).toBe(401)
  expect((await get('/api/feishu/ws/status', 'wrong')).status).toBe(401)
  expect((await get('/api/feishu/ws/status', apiToken)).status).toBe(200)
})
