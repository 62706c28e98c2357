import { describe, expect, it } from 'vitest'
import { checkHistory } from '../../src/simulator/history/check-history.ts'
import { entryOf } from '../../src/simulator/history/history.ts'
import {
  connectSdk,
  DATA,
  discover,
  post,
  RawClient,
  refusalOf,
  SOON_MS,
  sdkClient,
  startSimulator,
} from '../support/simulator.ts'

const hello = { msg_type: 'text', content: '{"text":"hello"}', uuid: 'u-1' }

async function startWithMessage() {
  const started = await startSimulator()
  const { simulator, url, app } = started
  const { messageId } = simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
  const client = sdkClient(url, app)
  const reply = () => client.im.v1.message.reply({ path: { message_id: messageId }, data: hello })
  return { ...started, reply, messageId }
}

describe('failNext', () => {
  it('processes a reply and loses its answer; the uuid finds it again', async () => {
    const { simulator, app, reply } = await startWithMessage()
    simulator.failNext({ call: 'reply', appId: app.appId, loseAnswer: true })
    await expect(reply()).rejects.toMatchObject({ code: 'ECONNRESET' })
    const created = await simulator.once(entryOf('message_created'), SOON_MS)
    expect((await reply()).data?.message_id).toBe(created.messageId)
    expect(simulator.history.entries.filter(entryOf('message_created'))).toHaveLength(1)
  })

  it('leaves a reply unprocessed and unanswered', async () => {
    const { simulator, reply } = await startWithMessage()
    simulator.failNext({ call: 'reply', hang: true })
    let answers = 0
    void reply().then(
      () => (answers += 1),
      () => {},
    )
    await simulator.once(
      entryOf('fault_applied', ({ call }) => call === 'reply'),
      SOON_MS,
    )
    await reply()
    expect(answers).toBe(0)
    expect(simulator.history.entries.filter(entryOf('reply_received'))).toHaveLength(1)
  })

  it('answers with a rate limit', async () => {
    const { simulator, reply } = await startWithMessage()
    simulator.failNext({ call: 'reply', retryAfterMs: 1500 })
    await expect(reply()).rejects.toMatchObject({
      response: { status: 429, headers: { 'x-ogw-ratelimit-reset': '1.5' }, data: { code: 99991400 } },
    })
    expect(await reply()).toMatchObject({ code: 0 })
  })

  it('fails as many calls as ordered, of the named app only', async () => {
    const { simulator, url, app } = await startSimulator()
    const other = { ...app, appId: 'cli_00000000000000dd' }
    simulator.addApp(other)
    simulator.failNext({ call: 'discovery', appId: app.appId, count: 2, http: 500, code: 1000040343, msg: 'broken' })
    const status = async ({ appId, appSecret }: typeof app) => {
      const answer = await post(`${url}/callback/ws/endpoint`, { AppID: appId, AppSecret: appSecret })
      return [answer.status, answer.body['code']]
    }
    expect(await status(other)).toEqual([200, 0])
    expect(await status(app)).toEqual([500, 1000040343])
    expect(await status(app)).toEqual([500, 1000040343])
    expect(await status(app)).toEqual([200, 0])
    expect(simulator.history.entries.filter(entryOf('fault_applied'))).toHaveLength(2)
  })

  it('fails a token call', async () => {
    const { simulator, url, app } = await startSimulator()
    simulator.failNext({ call: 'token' })
    const call = () =>
      post(`${url}/open-apis/auth/v3/tenant_access_token/internal`, { app_id: app.appId, app_secret: app.appSecret })
    expect(await call()).toMatchObject({ status: 400, body: { code: 10012 } })
    expect(await call()).toMatchObject({ status: 200, body: { code: 0 } })
  })

  it('refuses a handshake, and the SDK connects with the next ticket', async () => {
    const { simulator, url, app } = await startSimulator()
    simulator.failNext({ call: 'handshake', code: 403, msg: 'forbidden' })
    expect(await refusalOf(await discover(url, app))).toMatchObject({ status: '403', msg: 'forbidden' })
    simulator.failNext({ call: 'handshake', count: 2 })
    connectSdk(url, app, () => {})
    await simulator.once(entryOf('connection_ready'), SOON_MS)
    expect(simulator.history.entries.filter(entryOf('discovery'))).toHaveLength(4)
  })

  it('stops while a handshake hangs', async () => {
    const { simulator, url, app } = await startSimulator()
    simulator.failNext({ call: 'handshake', hang: true })
    const { socket } = new RawClient(await discover(url, app))
    const ended = new Promise<Error>((resolve) => socket.on('error', resolve))
    await simulator.once(entryOf('fault_applied'), SOON_MS)
    await simulator.stop()
    expect((await ended).message).toContain('socket hang up')
  })
})

describe('connection faults', () => {
  it('resets connections', async () => {
    const { simulator, url, app } = await startSimulator()
    const client = await (await RawClient.connect(url, app)).ready()
    const closed = new Promise<number>((resolve) => client.socket.on('close', resolve))
    client.socket.on('error', () => {})
    simulator.closeConnections(app.appId, { mode: 'reset' })
    expect(await closed).toBe(1006)
    expect(await simulator.once(entryOf('connection_closed'), SOON_MS)).toMatchObject({ code: 1006, unackedCount: 0 })
  })

  it('closes with the ordered code, and pushes nothing to a closing connection', async () => {
    const { simulator, url, app } = await startSimulator()
    const client = await (await RawClient.connect(url, app)).ready()
    const closed = new Promise<number>((resolve) => client.socket.on('close', resolve))
    simulator.closeConnections(app.appId, { mode: 'close', code: 3001 })
    simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
    expect(await closed).toBe(3001)
    expect(simulator.history.entries.map(({ kind }) => kind)).toContain('push_failed')
    expect(await simulator.once(entryOf('connection_closed'), SOON_MS)).toMatchObject({ code: 3001 })
  })

  it('turns connections half-open; their end is still noticed', async () => {
    const { simulator, url, app } = await startSimulator({ ackDeadlineMs: 50 })
    const client = await (await RawClient.connect(url, app)).ready()
    simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'before' })
    const frame = await client.next(DATA)
    simulator.freezeConnections(app.appId)
    let frames = 0
    client.socket.on('message', () => (frames += 1))
    client.ack(frame)
    client.ping()
    const after = simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'after' })
    await simulator.once(
      entryOf('ack_timeout', ({ eventId }) => eventId === after.eventId),
      SOON_MS,
    )
    expect(frames).toBe(0)
    expect(simulator.history.entries.filter(entryOf('acked'))).toEqual([])
    // Neither the one before nor the one after was acknowledged.
    expect(checkHistory(simulator.history.entries)).toMatchObject({ acked: 0, lateAcks: 2 })
    client.socket.terminate()
    expect(await simulator.once(entryOf('connection_closed'), SOON_MS)).toMatchObject({ code: 1006 })
  })

  it('withholds acknowledgements of the connections of that moment only', async () => {
    const { simulator, url, app } = await startSimulator({ ackDeadlineMs: 100 })
    const old = await (await RawClient.connect(url, app)).ready()
    simulator.withholdAcks(app.appId)
    simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
    old.ack(await old.next(DATA))
    await simulator.once(entryOf('ack_timeout'), SOON_MS)
    old.socket.terminate()
    await simulator.once(entryOf('connection_closed'), SOON_MS)
    const young = await (await RawClient.connect(url, app)).ready()
    simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'again' })
    young.ack(await young.next(DATA))
    expect(await simulator.once(entryOf('acked'), SOON_MS)).toMatchObject({ code: 200 })
  })
})
