import { describe, expect, it } from 'vitest'
import { SimulatorClient } from '../../src/simulator/control/client.ts'
import { FaultPlan } from '../../src/simulator/faults/fault-plan.ts'
import { entryOf } from '../../src/simulator/history/history.ts'
import type { SimulatorOptions } from '../../src/simulator/simulator.ts'
import {
  connectSdk,
  CONTROL,
  DATA,
  discover,
  eventOf,
  post,
  RawClient,
  refusalOf,
  sdkClient,
  SOON_MS,
  startSimulator,
} from '../support/simulator.ts'

describe('FaultPlan', () => {
  const strikes = (plan: FaultPlan, times: number, appId = 'a') =>
    Array.from({ length: times }, () => plan.decide('reply', appId).kind !== 'proceed')

  it('lets some pass, then strikes as often as ordered', () => {
    const plan = new FaultPlan(() => {})
    plan.fail({ call: 'reply', skip: 2, count: 2 })
    expect(strikes(plan, 6)).toEqual([false, false, true, true, false, false])
  })

  it('strikes at random, the same for the same seed', () => {
    const run = (seed: number) => {
      const plan = new FaultPlan(() => {})
      plan.fail({ call: 'reply', probability: 0.5, seed })
      return strikes(plan, 200)
    }
    expect(run(7)).toEqual(run(7))
    expect(run(7)).not.toEqual(run(8))
    const count = run(7).filter(Boolean).length
    expect(count).toBeGreaterThan(60)
    expect(count).toBeLessThan(140)
  })

  it('is cleared for one app or for all', () => {
    const plan = new FaultPlan(() => {})
    for (const appId of ['a', 'b', 'c']) plan.fail({ call: 'reply', appId, count: 9 })
    plan.clear('a')
    expect([strikes(plan, 1, 'a'), strikes(plan, 1, 'b')]).toEqual([[false], [true]])
    plan.clear(undefined)
    expect([strikes(plan, 1, 'b'), strikes(plan, 1, 'c')]).toEqual([[false], [false]])
  })
})

/** The official client on a platform that pushes again soon. */
async function connected(options: SimulatorOptions = {}) {
  const started = await startSimulator({ timeScale: 0.005, ackDeadlineMs: 300, ...options })
  const { simulator, url, app } = started
  const handled: string[] = []
  connectSdk(url, app, ({ message }) => handled.push(message.message_id))
  await simulator.once(entryOf('connection_ready'), SOON_MS)
  const say = (text: string) => simulator.sendText({ appId: app.appId, chatId: 'oc_1', text })
  const acked = (messageId: string) =>
    simulator.once(
      entryOf('acked', (entry) => entry.messageId === messageId && entry.code === 200),
      SOON_MS,
    )
  return { ...started, handled, say, acked }
}

describe('spoiled pushes', () => {
  it.each(['lost', 'garbage', 'text', 'bad_json', 'empty', 'no_log_id', 'no_sum'] as const)(
    'the SDK survives one that is %s, and gets the event with the redelivery',
    async (how) => {
      const { simulator, app, say, acked, handled } = await connected()
      simulator.spoilNext({ target: 'push', appId: app.appId, how })
      const { messageId } = say('hi')
      expect(await acked(messageId)).toMatchObject({ attempt: 2 })
      expect(handled).toEqual([messageId])
    },
  )

  it('the SDK handles one that is sent twice two times', async () => {
    const { simulator, app, say, acked, handled } = await connected()
    simulator.spoilNext({ target: 'push', appId: app.appId, how: 'twice' })
    const { messageId } = say('hi')
    await acked(messageId)
    await acked(say('next').messageId)
    expect(handled.filter((id) => id === messageId)).toHaveLength(2)
  })

  it('overtakes one that is late', async () => {
    const { simulator, app, say, acked, handled } = await connected({ ackDeadlineMs: 3000 })
    simulator.spoilNext({ target: 'push', appId: app.appId, how: 'late', delayMs: 100 })
    const [late, early] = [say('first').messageId, say('second').messageId]
    await acked(late)
    expect(handled).toEqual([early, late])
  })

  it('strikes one connection', async () => {
    const { simulator, url, app } = await startSimulator({ ackDeadlineMs: 100 })
    const [first, second] = [await RawClient.connect(url, app), await RawClient.connect(url, app)]
    const [opened] = simulator.history.entries.filter(entryOf('connection_opened'))
    simulator.inject({
      kind: 'close_connections',
      appId: app.appId,
      connectionId: opened?.connectionId ?? '',
      mode: 'close',
    })
    const closed = new Promise((resolve) => first.socket.on('close', resolve))
    await closed
    await second.ready()
    const { messageId } = simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
    expect(eventOf(await second.next(DATA)).event.message.message_id).toBe(messageId)
  })
})

it.each([
  ['lost', [], 1],
  ['empty', [''], 2],
  ['no_fields', ['{}'], 2],
] as const)('spoils a pong: %s', async (how, spoiled, pongCount) => {
  const { simulator, url, app } = await startSimulator()
  const client = await RawClient.connect(url, app)
  simulator.spoilNext({ target: 'pong', how })
  client.ping()
  client.ping()
  const pongs: string[] = []
  while (pongs.length < pongCount) pongs.push(Buffer.from((await client.next(CONTROL)).payload).toString())
  expect(pongs).toEqual([...spoiled, expect.stringContaining('PingInterval')])
  expect(simulator.history.entries.filter(entryOf('fault_applied'))).toMatchObject([{ call: 'pong' }])
})

describe('slow calls', () => {
  it('processes a slow discovery, token and handshake later', async () => {
    const { simulator, url, app } = await startSimulator()
    for (const call of ['discovery', 'token', 'handshake'] as const) simulator.failNext({ call, delayMs: 150 })
    const startedAt = performance.now()
    const endpoint = await discover(url, app)
    const token = { app_id: app.appId, app_secret: app.appSecret }
    await post(`${url}/open-apis/auth/v3/tenant_access_token/internal`, token)
    await new RawClient(endpoint).opened()
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(440)
  })
})

it('refuses a second post with the uuid of one that is on its way', async () => {
  const { simulator, url, app } = await startSimulator()
  const { messageId } = simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
  const data = { msg_type: 'text', content: '{"text":"hello"}', uuid: 'u-1' }
  const reply = () => sdkClient(url, app).im.v1.message.reply({ path: { message_id: messageId }, data })
  simulator.failNext({ call: 'reply', delayMs: 300 })
  const first = reply()
  await simulator.once(entryOf('fault_applied'), SOON_MS)
  await expect(reply()).rejects.toMatchObject({ response: { data: { code: 230049 } } })
  const { data: created } = await first
  expect((await reply()).data?.message_id).toBe(created?.message_id)
  expect(simulator.messagesOfBot(app.appId)).toHaveLength(1)
})

describe('a restart of the whole platform', () => {
  it('cuts every connection and call, forgets tickets, and comes back', async () => {
    const { simulator, url, app, say, acked } = await connected({ timeScale: 0.05 })
    const ticket = await discover(url, app)
    await new SimulatorClient(url).inject({ kind: 'restart_platform', downMs: 300 })
    await simulator.once(entryOf('connection_closed'), SOON_MS)
    await expect(discover(url, app)).rejects.toThrow('fetch failed')
    const { messageId } = say('while it is down')
    await acked(messageId)
    expect(simulator.history.entries.filter(entryOf('connection_ready'))).toHaveLength(2)
    expect(await refusalOf(ticket)).toMatchObject({ status: '514' })
  })
})

describe('what is assumed can be assumed otherwise', () => {
  it.each([
    ['empty_url', { URL: '' }],
    ['null', null],
    ['absent', undefined],
  ] as const)('data of a refused discovery: %s', async (refusalData, data) => {
    const { url, app } = await startSimulator({ assumptions: { refusalData, refusalHttp: 400 } })
    const answer = await post(`${url}/callback/ws/endpoint`, { AppID: app.appId, AppSecret: 'wrong' })
    expect([answer.status, answer.body['code'], answer.body['data']]).toEqual([400, 514, data])
  })

  const limited = async (connectionLimitAt: 'discovery' | 'handshake' | 'close') => {
    const started = await startSimulator({ assumptions: { maxConnections: 1, connectionLimitAt } })
    const { url, app } = started
    await (await RawClient.connect(url, app)).ready()
    const { body } = await post(`${url}/callback/ws/endpoint`, { AppID: app.appId, AppSecret: app.appSecret })
    return { ...started, code: body['code'], endpoint: (body['data'] as { URL: string }).URL }
  }

  it('the limit of connections, at discovery', async () => {
    expect((await limited('discovery')).code).toBe(1000040350)
  })

  it('the limit of connections, at the handshake', async () => {
    const { code, endpoint } = await limited('handshake')
    expect(code).toBe(0)
    expect(await refusalOf(endpoint)).toMatchObject({ status: '514', code: '1000040350' })
  })

  it('the limit of connections, with a close frame', async () => {
    const { simulator, code, endpoint } = await limited('close')
    expect(code).toBe(0)
    const client = await new RawClient(endpoint).opened()
    client.ping()
    expect(await simulator.once(entryOf('connection_closed'), SOON_MS)).toMatchObject({ code: 3001 })
  })

  it.each([
    ['new', false],
    ['same', true],
  ] as const)('the frame id of a redelivery: %s', async (redeliveredFrameId, isSame) => {
    const { simulator, url, app } = await startSimulator({
      timeScale: 0.001,
      ackDeadlineMs: 50,
      assumptions: { redeliveredFrameId },
    })
    await (await RawClient.connect(url, app)).ready()
    simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
    await simulator.once(
      entryOf('pushed', ({ attempt }) => attempt === 2),
      SOON_MS,
    )
    const [first, second] = simulator.history.entries.filter(entryOf('pushed'))
    expect(first?.deliveryId === second?.deliveryId).toBe(isSame)
  })

  it('an acknowledgement on another connection', async () => {
    const { simulator, url, app } = await startSimulator({ ackDeadlineMs: 200, assumptions: { foreignAck: 'ignored' } })
    const first = await (await RawClient.connect(url, app)).ready()
    simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
    const frame = await first.next(DATA)
    const second = await (await RawClient.connect(url, app)).ready()
    second.ack(frame)
    await simulator.once(entryOf('ack_timeout'), SOON_MS)
    expect(simulator.history.entries.filter(entryOf('acked'))).toEqual([])
  })

  it('an acknowledgement after the deadline', async () => {
    const { simulator, url, app } = await startSimulator({
      ackDeadlineMs: 20,
      timeScale: 0.02,
      assumptions: { lateAck: 'counts' },
    })
    const client = await (await RawClient.connect(url, app)).ready()
    const say = () => simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
    const first = say()
    const frame = await client.next(DATA)
    await simulator.once(entryOf('ack_timeout'), SOON_MS)
    client.ack(frame)
    await simulator.once(entryOf('acked'), SOON_MS)
    // The redelivery of the second comes after the first's would have come.
    const second = say()
    await simulator.once(
      entryOf('pushed', ({ eventId, attempt }) => eventId === second.eventId && attempt === 2),
      SOON_MS,
    )
    const pushes = simulator.history.entries.filter(entryOf('pushed'))
    expect(pushes.filter(({ eventId }) => eventId === first.eventId)).toHaveLength(1)
  })

  it('an event while there is no connection', async () => {
    const { simulator, url, app } = await startSimulator({ assumptions: { whileOffline: 'waits' } })
    simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
    const client = await (await RawClient.connect(url, app)).ready()
    client.ack(await client.next(DATA))
    expect(await simulator.once(entryOf('acked'), SOON_MS)).toMatchObject({ attempt: 1 })
    expect(simulator.history.entries.filter(entryOf('push_failed'))).toEqual([])
  })
})
