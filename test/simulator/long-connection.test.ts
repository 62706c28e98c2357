import { describe, expect, it } from 'vitest'
import { entryOf } from '../../src/simulator/history/history.ts'
import {
  CONTROL,
  connectSdk,
  DATA,
  discover,
  eventOf,
  headerOf,
  post,
  RawClient,
  type Received,
  refusalOf,
  SOON_MS,
  startSimulator,
} from '../support/simulator.ts'

describe('long connection with the official SDK', () => {
  it('delivers a message that the SDK acknowledges', async () => {
    const { simulator, url, app } = await startSimulator()
    const received: Received[] = []
    connectSdk(url, app, (event) => void received.push(event))
    await simulator.once(entryOf('connection_ready'), SOON_MS)
    const sent = simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
    const acked = await simulator.once(entryOf('acked'), SOON_MS)
    expect(acked).toMatchObject({ ...sent, code: 200, attempt: 1, late: false })
    expect(received).toHaveLength(1)
    expect(received[0]).toMatchObject({
      event_id: sent.eventId,
      app_id: app.appId,
      message: { message_id: sent.messageId, chat_id: 'oc_1', chat_type: 'p2p', content: '{"text":"hi"}' },
    })
  })

  it('delivers again, with the same event_id, when the handler throws', async () => {
    const { simulator, url, app } = await startSimulator({ timeScale: 0.001 })
    const eventIds: unknown[] = []
    connectSdk(url, app, (event) => {
      eventIds.push(event.event_id)
      if (eventIds.length === 1) throw new Error('not now')
    })
    await simulator.once(entryOf('connection_ready'), SOON_MS)
    const { eventId } = simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
    const failed = await simulator.once(entryOf('acked'), SOON_MS)
    const acked = await simulator.once(
      entryOf('acked', ({ code }) => code === 200),
      SOON_MS,
    )
    expect(failed).toMatchObject({ code: 500, attempt: 1 })
    expect(acked).toMatchObject({ eventId, attempt: 2 })
    expect(acked.deliveryId).not.toBe(failed.deliveryId)
    expect(eventIds).toEqual([eventId, eventId])
  })

  it('times out a slow handler, and its late acknowledgement does not stop the redelivery', async () => {
    const { simulator, url, app } = await startSimulator({ timeScale: 0.001, ackDeadlineMs: 200 })
    // Already fulfilled when the event comes for the second time.
    connectSdk(url, app, () => simulator.once(entryOf('ack_timeout'), SOON_MS))
    await simulator.once(entryOf('connection_ready'), SOON_MS)
    simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
    const late = await simulator.once(entryOf('acked'), SOON_MS)
    expect(late).toMatchObject({ code: 200, attempt: 1, late: true })
    expect(late.latencyMs).toBeGreaterThan(199)
    const second = await simulator.once(
      entryOf('acked', ({ attempt }) => attempt === 2),
      SOON_MS,
    )
    expect(second).toMatchObject({ code: 200, late: false })
  })

  it('fragments a long event and the SDK joins it', async () => {
    const { simulator, url, app } = await startSimulator({ fragmentBytes: 100 })
    const received: Received[] = []
    connectSdk(url, app, (event) => void received.push(event))
    await simulator.once(entryOf('connection_ready'), SOON_MS)
    const text = '飞书'.repeat(500)
    simulator.sendText({ appId: app.appId, chatId: 'oc_1', text })
    expect(await simulator.once(entryOf('acked'), SOON_MS)).toMatchObject({ code: 200 })
    expect(JSON.parse(received[0]?.message.content ?? '')).toEqual({ text })
  })

  it('reports a wrong secret as 514', async () => {
    const { simulator, url, app } = await startSimulator()
    const error = await new Promise<Error>((resolve) => {
      connectSdk(url, { ...app, appSecret: 'wrong' }, () => {}, resolve)
    })
    expect(error.message).toContain('code=514')
    expect(await simulator.once(entryOf('discovery'), SOON_MS)).toMatchObject({ appId: app.appId, code: 514 })
  })

  it('delivers to the next connection what the last one did not acknowledge', async () => {
    const { simulator, url, app } = await startSimulator({ timeScale: 0.001, ackDeadlineMs: 100 })
    connectSdk(url, app, () => {})
    await simulator.once(entryOf('connection_ready'), SOON_MS)
    simulator.withholdAcks(app.appId)
    simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
    const first = await simulator.once(entryOf('pushed'), SOON_MS)
    simulator.closeConnections(app.appId, { mode: 'close' })
    const closed = await simulator.once(entryOf('connection_closed'), SOON_MS)
    expect(closed).toMatchObject({ code: 1001, unackedCount: 1, connectionId: first.connectionId })
    const acked = await simulator.once(entryOf('acked'), SOON_MS)
    expect(acked).toMatchObject({ eventId: first.eventId, code: 200 })
    expect(acked.attempt).toBeGreaterThan(1)
    expect(acked.connectionId).not.toBe(first.connectionId)
  })
})

describe('long connection', () => {
  it('holds events until the first ping', async () => {
    const { simulator, url, app } = await startSimulator()
    const client = await RawClient.connect(url, app)
    const { eventId } = simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
    client.ping()
    const pushed = await simulator.once(entryOf('pushed'), SOON_MS)
    const ready = await simulator.once(entryOf('connection_ready'), SOON_MS)
    expect(pushed).toMatchObject({ attempt: 1 })
    expect(pushed.seq).toBeGreaterThan(ready.seq)
    expect(eventOf(await client.next(DATA)).header.event_id).toBe(eventId)
  })

  it('fails held events when their connection closes before its first ping', async () => {
    const { simulator, url, app } = await startSimulator()
    const client = await RawClient.connect(url, app)
    simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
    client.socket.close()
    expect(await simulator.once(entryOf('push_failed'), SOON_MS)).toMatchObject({ attempt: 1 })
  })

  it('answers a ping with all four settings', async () => {
    const { url, app } = await startSimulator({ clientConfig: { PingInterval: 90 } })
    const client = await RawClient.connect(url, app)
    client.ping()
    const pong = await client.next(CONTROL)
    expect(headerOf(pong, 'type')).toBe('pong')
    const settings = { ReconnectCount: -1, ReconnectInterval: 120, ReconnectNonce: 30, PingInterval: 90 }
    expect(JSON.parse(Buffer.from(pong.payload).toString())).toEqual(settings)
  })

  it('sends events with all seven headers', async () => {
    const { simulator, url, app } = await startSimulator()
    const client = await (await RawClient.connect(url, app)).ready()
    simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
    const { headers } = await client.next(DATA)
    const names = ['type', 'message_id', 'sum', 'seq', 'trace_id', 'timestamp', 'instance_id']
    expect(headers.map(([name]) => name)).toEqual(names)
    expect(Object.fromEntries(headers)).toMatchObject({ type: 'event', sum: '1', seq: '0' })
  })

  it('matches an acknowledgement by message_id, not by SeqID or LogID', async () => {
    const { simulator, url, app } = await startSimulator()
    const client = await (await RawClient.connect(url, app)).ready()
    const first = simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'one' })
    const frame = await client.next(DATA)
    simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'two' })
    const { seqId, logId } = await client.next(DATA)
    client.ack({ ...frame, seqId, logId })
    expect(await simulator.once(entryOf('acked'), SOON_MS)).toMatchObject({ eventId: first.eventId })
  })

  it('ignores the acknowledgement of another app', async () => {
    const { simulator, url, app } = await startSimulator({ ackDeadlineMs: 100 })
    const other = { ...app, appId: 'cli_00000000000000ff' }
    simulator.addApp(other)
    const client = await (await RawClient.connect(url, app)).ready()
    const stranger = await (await RawClient.connect(url, other)).ready()
    simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
    stranger.ack(await client.next(DATA))
    await simulator.once(entryOf('ack_timeout'), SOON_MS)
    expect(simulator.history.entries.filter(entryOf('acked'))).toEqual([])
  })

  it('accepts an acknowledgement on another connection of the app', async () => {
    const { simulator, url, app } = await startSimulator()
    const first = await (await RawClient.connect(url, app)).ready()
    simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
    const frame = await first.next(DATA)
    const second = await (await RawClient.connect(url, app)).ready()
    second.ack(frame)
    const acked = await simulator.once(entryOf('acked'), SOON_MS)
    const [, opened] = simulator.history.entries.filter(entryOf('connection_opened'))
    expect(acked.connectionId).toBe(opened?.connectionId)
  })

  it('pushes five times in all and then gives up', async () => {
    const { simulator, url, app } = await startSimulator({ timeScale: 0, ackDeadlineMs: 20 })
    await (await RawClient.connect(url, app)).ready()
    const { messageId, eventId } = simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
    const givenUp = await simulator.once(entryOf('given_up'), SOON_MS)
    expect(givenUp).toMatchObject({ messageId, eventId })
    const pushed = simulator.history.entries.filter(entryOf('pushed'))
    expect(pushed.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5])
    expect(new Set(pushed.map(({ deliveryId }) => deliveryId)).size).toBe(5)
  })

  it('fails the first push without a connection and delivers with the next', async () => {
    const { simulator, url, app } = await startSimulator({ timeScale: 0.05 })
    simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
    expect(await simulator.once(entryOf('push_failed'), SOON_MS)).toMatchObject({ attempt: 1 })
    await (await RawClient.connect(url, app)).ready()
    const pushed = await simulator.once(entryOf('pushed'), SOON_MS)
    expect(pushed).toMatchObject({ attempt: 2 })
  })

  it('gives each event to one connection, chosen by the seed', async () => {
    const chosen = async (seed: number): Promise<number[]> => {
      const { simulator, url, app } = await startSimulator({ seed })
      for (const _ of [1, 2, 3]) await (await RawClient.connect(url, app)).ready()
      const opened = simulator.history.entries.filter(entryOf('connection_opened')).map((entry) => entry.connectionId)
      for (let n = 0; n < 30; n += 1) simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: `${n}` })
      return simulator.history.entries.filter(entryOf('pushed')).map((entry) => opened.indexOf(entry.connectionId))
    }
    const first = await chosen(1)
    expect(first).toHaveLength(30)
    expect(new Set(first)).toEqual(new Set([0, 1, 2]))
    expect(await chosen(1)).toEqual(first)
    expect(await chosen(2)).not.toEqual(first)
  })

  it('opens one connection per ticket', async () => {
    const { simulator, url, app } = await startSimulator()
    const endpoint = await discover(url, app)
    expect(endpoint).toMatch(
      /\/ws\/v2\?fpid=\d+&aid=\d+&device_id=\d{19}&access_key=[0-9a-f]{32}&service_id=\d+&ticket=/,
    )
    await (await new RawClient(endpoint).opened()).ready()
    expect(await refusalOf(endpoint)).toEqual({ status: '514', msg: 'ticket is unknown or used', code: '1000040344' })
    expect(simulator.history.entries.filter(entryOf('connection_opened'))).toHaveLength(1)
  })

  it('allows 50 connections per app', async () => {
    const { simulator, url, app } = await startSimulator()
    const spare = await discover(url, app)
    let last: RawClient | undefined
    for (let n = 0; n < 50; n += 1) last = await RawClient.connect(url, app)
    const { body } = await post(`${url}/callback/ws/endpoint`, { AppID: app.appId, AppSecret: app.appSecret })
    expect(body).toMatchObject({ code: 1000040350, data: { URL: '' } })
    expect(await refusalOf(spare)).toMatchObject({ status: '514', code: '1000040350' })
    last?.socket.close()
    await simulator.once(entryOf('connection_closed'), SOON_MS)
    await RawClient.connect(url, app)
  })
})

describe('discovery', () => {
  it.each([
    ['a wrong secret', { AppSecret: 'wrong' }, 514],
    ['an unknown app', { AppID: 'cli_ffffffffffffffff' }, 1000040345],
    ['names in lower case', { AppID: undefined, app_id: 'cli_ffffffffffffffff', app_secret: 'right' }, 514],
  ])('refuses %s', async (_name, change, code) => {
    const { url, app } = await startSimulator()
    const credentials = { AppID: app.appId, AppSecret: app.appSecret }
    const answer = await post(`${url}/callback/ws/endpoint`, { ...credentials, ...change })
    expect(answer).toMatchObject({ status: 200, body: { code, data: { URL: '' } } })
    expect(answer.headers.get('x-tt-logid')).toMatch(/^\d{14}[0-9a-f]{32}$/)
  })
})
