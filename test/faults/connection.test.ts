import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { entryOf } from '../../src/simulator/history/history.ts'
import { Recorder } from '../support/recorder.ts'
import { listen, refuseUpgrade, scriptedGateway } from '../support/bot.ts'
import { closeLater, newApp, RawClient, SOON_MS, startSimulator } from '../support/simulator.ts'
import { controlFrame, dataFrame, isConnected, messageEvent, openFrameGateway, superviseBot } from './frame-gateway.ts'

describe('C2: a connection that is half-open', () => {
  it('is noticed within the pong limit, replaced by exactly one, and its socket is closed', async () => {
    const { simulator, url, app } = await startSimulator()
    const { until } = superviseBot(url, app, { pongTimeoutMs: 300 })
    await until(({ connection }) => connection.lastPongAt !== undefined)
    simulator.freezeConnections(app.appId)
    const lost = await until(({ connection }) => connection.state === 'reconnecting')
    expect(lost.connection).toMatchObject({ attempt: 1, trouble: { kind: 'network', code: 'EPONG' } })
    expect(lost.connection.nextAt).toBeGreaterThan(lost.connection.since)
    await until(isConnected)
    await simulator.once(entryOf('connection_closed'), SOON_MS)
    await until(({ connection }) => isConnected({ ...lost, connection }) && connection.lastPongAt !== undefined)
    const { entries } = simulator.history
    expect(entries.filter(({ kind }) => kind === 'connection_opened')).toHaveLength(2)
    expect(entries.filter(({ kind }) => kind === 'connection_closed')).toHaveLength(1)
  })
})

describe('C3: discovery that fails in every way', () => {
  it('is tried again through server errors and silence, and stops at refused credentials until they change', async () => {
    const { simulator, url, app } = await startSimulator()
    simulator.failNext({ call: 'discovery', http: 500, code: 0, count: 7 })
    simulator.failNext({ call: 'discovery', hang: true })
    const wrong = { ...app, appSecret: 'mistyped' }
    const { child, until, statuses, logs } = superviseBot(url, wrong, { attemptTimeoutMs: 300, fastAttempts: 3 })

    const failed = await until(({ connection }) => connection.state === 'failed')
    expect(failed.connection).toMatchObject({ attempt: 9, trouble: { kind: 'credentials', code: '514' } })
    // The slow probe is there, and half an hour away.
    expect((failed.connection.nextAt ?? 0) - failed.connection.since).toBe(1_800_000)
    const troubles = statuses.items.filter(({ connection }) => connection.state === 'reconnecting')
    expect(troubles.map(({ connection }) => connection.trouble?.code)).toEqual([
      ...Array.from({ length: 7 }, () => '500'),
      'ETIMEDOUT',
    ])
    const discoveries = () => simulator.history.entries.filter(({ kind }) => kind === 'discovery').length
    const before = discoveries()

    child.reconfigure({ name: 'renamed', appSecret: app.appSecret })
    const connected = await until(isConnected)
    expect(connected).toMatchObject({ name: 'renamed', child: { incarnation: 1 }, connection: { attempt: 0 } })
    expect(discoveries()).toBe(before + 1)
    // The successors of this worker know the new secret too.
    child.kill()
    await until(({ child: { incarnation }, connection }) => incarnation === 2 && connection.state === 'connected')
    expect(JSON.stringify([statuses.items, logs])).not.toContain('mistyped')
  })

  it.each<[string, object]>([
    ['with data', { code: 514, msg: 'auth failed', data: { URL: '' } }],
    ['without data', { code: 514, msg: 'auth failed' }],
    ['with null as data', { code: 514, msg: 'auth failed', data: null }],
  ])('takes 514 %s for what it says', async (_name, answer) => {
    const { url } = await scriptedGateway(
      () => {},
      () => answer,
    )
    const { until } = superviseBot(url)
    const { connection } = await until(({ connection: { state } }) => state === 'failed')
    expect(connection.trouble).toMatchObject({ kind: 'credentials', code: '514' })
  })

  it('stops after the fast attempts if giving up is wanted, and starts again on demand', async () => {
    const { simulator, url, app } = await startSimulator()
    simulator.failNext({ call: 'discovery', http: 503, code: 0, count: 3 })
    const { child, until } = superviseBot(url, app, { giveUp: true, fastAttempts: 3 })
    const { connection } = await until(({ connection: { state } }) => state === 'failed')
    expect(connection).toMatchObject({ attempt: 3, trouble: { kind: 'server', code: '503' } })
    expect(connection.nextAt).toBeUndefined()
    child.connect()
    await until(isConnected)
  })
})

describe('C4: a gateway that does not shake hands', () => {
  it('because it accepts and says nothing, is left at the deadline with one socket at a time', async () => {
    const sockets = new Set<Socket>()
    const accepted = new Recorder<number>()
    const silent = createServer((socket) => {
      sockets.add(socket)
      accepted.add(sockets.size)
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
      // Unread, the socket would not notice that the client is gone.
      socket.resume()
    })
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    closeLater(() => {
      for (const socket of sockets) socket.destroy()
      silent.close()
    })
    const { port } = silent.address() as { port: number }
    const { url } = await scriptedGateway(
      () => {},
      () => ({ code: 0, data: { URL: `ws://127.0.0.1:${port}/ws?fpid=1&service_id=1` } }),
    )
    const { until } = superviseBot(url, newApp(), { attemptTimeoutMs: 150 })
    await accepted.until(() => accepted.items.length >= 4)
    expect(Math.max(...accepted.items)).toBe(1)
    const { connection } = await until(({ connection: { attempt } }) => attempt >= 3)
    expect(connection.trouble).toMatchObject({ kind: 'network' })
  })

  it('because its upgrade is refused with 409, is asked again with one socket at a time', async () => {
    const { url, upgrades } = await scriptedGateway((socket) => refuseUpgrade(socket, 409, {}))
    const { until } = superviseBot(url)
    const { connection } = await until(({ connection: { attempt } }) => attempt >= 4)
    expect(connection.trouble).toMatchObject({ kind: 'network', code: '409' })
    expect(upgrades.items.filter((socket) => !socket.destroyed).length).toBeLessThanOrEqual(1)
  })

  it('because its name is not known, is tried for ever', async () => {
    const { until } = superviseBot('http://feishu.invalid')
    const { connection } = await until(({ connection: { attempt } }) => attempt >= 7)
    expect(connection.trouble).toMatchObject({ kind: 'network' })
    expect(connection.nextAt).toBeDefined()
  })
})

describe('C5: a gateway that orders nonsense', () => {
  const NONSENSE: readonly [string, unknown][] = [
    ['nothing', {}],
    ['no object', null],
    ['zero', { PingInterval: 0, ReconnectInterval: 0, ReconnectNonce: 0, ReconnectCount: 0 }],
    ['no number', { PingInterval: 'NaN', ReconnectNonce: 'NaN' }],
    ['less than nothing', { PingInterval: -1, ReconnectNonce: -1 }],
    ['a moment', { PingInterval: 1e-9 }],
    ['more than a timer can hold', { PingInterval: 1e12, ReconnectNonce: 1e12, ReconnectCount: 1e12 }],
  ]

  it.each(NONSENSE)('at discovery and in every pong (%s) is pinged at a pace of our own', async (_name, config) => {
    const gateway = await openFrameGateway({ clientConfig: config, pong: JSON.stringify(config) })
    const { until } = superviseBot(gateway.url, newApp(), { minPingIntervalMs: 100, maxPingIntervalMs: 150 })
    await until(isConnected)
    await gateway.pings.until(() => gateway.pings.items.length >= 4)
    const [first = 0, , , fourth = 0] = gateway.pings.items
    // Three pauses of at least 100 ms, less what timers are early by.
    expect(fourth - first).toBeGreaterThan(250)
    expect(gateway.discoveries.items).toHaveLength(1)
  })

  it.each(['', 'no JSON', '[1'])('and whose pongs hold %j is still taken for alive', async (pong) => {
    const gateway = await openFrameGateway({ clientConfig: { PingInterval: 0.05 }, pong })
    const { until, statuses } = superviseBot(gateway.url, newApp(), { pongTimeoutMs: 300 })
    await until(isConnected)
    await gateway.pings.until(() => gateway.pings.items.length >= 10)
    expect(statuses.items.some(({ connection }) => connection.state === 'reconnecting')).toBe(false)
  })

  it('and sends pongs without pause is reported once per ping', async () => {
    const gateway = await openFrameGateway({ clientConfig: { PingInterval: 0.1 } })
    const { until, statuses, events } = superviseBot(gateway.url)
    await until(isConnected)
    await gateway.pings.next()
    const pong = JSON.stringify({ PingInterval: 0.1 })
    for (let n = 0; n < 5_000; n += 1) gateway.send(controlFrame('pong', pong))
    gateway.send(dataFrame(messageEvent('after')))
    await events.next()
    expect(statuses.items.length).toBeLessThan(100)
  })
})

describe('C6: orders without pause', () => {
  it('end as the last one says, with at most one connection at any time', async () => {
    const { simulator, url, app } = await startSimulator()
    // As a slow platform would be: the answer is late by up to 200 ms.
    const slow = await delaying(url)
    const { child, until } = superviseBot(slow, app)
    const open = new Set<string>()
    let most = 0
    simulator.history.subscribe((entry) => {
      if (entry.kind === 'connection_opened') open.add(entry.connectionId)
      if (entry.kind === 'connection_closed') open.delete(entry.connectionId)
      most = Math.max(most, open.size)
    })
    const orders = [
      () => {
        child.start()
        child.connect()
      },
      () => child.kill(),
      () => child.stop(),
      () => child.reconfigure({ name: app.name, appSecret: app.appSecret }),
      () => void child.drain(10),
    ]
    for (let n = 0; n < 200; n += 1) {
      orders[(n * 7 + Math.floor(n / 3)) % orders.length]?.()
      // Some at once, some after the threads had a turn.
      if (n % 8 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    child.stop()
    await child.gone(10_000)
    expect(child.status.child.state).toBe('stopped')
    child.start()
    await until(({ child: { state }, connection }) => state === 'running' && connection.state === 'connected')
    await simulator.once(() => open.size === 1, SOON_MS)
    expect(most).toBe(1)
    child.stop()
    await child.gone(10_000)
    await simulator.once(() => open.size === 0, SOON_MS)
  })
})

/** Passes discovery on, late; the gateway's own URL stays. */
async function delaying(target: string): Promise<string> {
  let calls = 0
  const pass = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await text(request)
    calls += 1
    await new Promise((resolve) => setTimeout(resolve, (calls * 37) % 200))
    const answer = await fetch(target + (request.url ?? ''), { method: 'POST', body })
    response.end(await answer.text())
  }
  const { url } = await listen(() => createHttpServer((...call) => void pass(...call).catch(() => {})))
  return url
}

describe('a connection that is alive and gets no events', () => {
  it('is replaced when Feishu counts none', async () => {
    const { simulator, url, app } = await startSimulator()
    const { until, events } = superviseBot(url, app, { presenceCheckMs: 200 })
    await until(({ connection }) => connection.lastPongAt !== undefined)
    simulator.inject({ kind: 'forget_connections', appId: app.appId })
    const { connection } = await until(({ connection: { state } }) => state === 'reconnecting')
    expect(connection.trouble).toMatchObject({ kind: 'network', code: 'EZOMBIE' })
    await until(isConnected)
    await simulator.once(entryOf('connection_closed'), SOON_MS)
    const { messageId } = simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
    await events.next(({ event }) => event.dedupeKey === `m:${messageId}`)
  })

  it('because another client shares the app is reported until that client is gone', async () => {
    const { url, app } = await startSimulator()
    const { until } = superviseBot(url, app, { presenceCheckMs: 50 })
    await until(isConnected)
    const other = await RawClient.connect(url, app)
    await until(({ connection }) => connection.foreignConnections === 1)
    other.socket.terminate()
    const alone = await until(({ connection }) => connection.foreignConnections === undefined)
    expect(alone.connection.state).toBe('connected')
  })
})

describe('a connection that is replaced on time', () => {
  async function connected() {
    const { simulator, url, app } = await startSimulator({ timeScale: 0.01 })
    const bot = superviseBot(url, app)
    await bot.until(({ connection }) => connection.lastPongAt !== undefined)
    const opened = () => simulator.history.entries.filter(({ kind }) => kind === 'connection_opened').length
    const order = () =>
      simulator.history.entries
        .map(({ kind }) => kind)
        .filter((kind) => kind === 'connection_opened' || kind === 'connection_closed')
    return { simulator, app, ...bot, opened, order }
  }

  it('has an overlap, in which nothing is lost', async () => {
    const { simulator, app, child, events, order, statuses } = await connected()
    const { done } = simulator.startTraffic({
      chats: [{ appId: app.appId, chatId: 'oc_1' }],
      count: 200,
      perSecond: 400,
    })
    await child.rotate(true, SOON_MS)
    await simulator.once(entryOf('connection_closed'), SOON_MS)
    await done
    // What is pushed on the old one in the moment of its close comes again.
    const taken = () => new Set(events.items.map(({ event }) => event.dedupeKey)).size
    await events.until(() => taken() === 200)
    expect(order()).toEqual(['connection_opened', 'connection_opened', 'connection_closed'])
    expect(statuses.items.some(({ connection }) => connection.state === 'reconnecting')).toBe(false)
  })

  it('has a gap instead where there is no place for two', async () => {
    const { simulator, child, until, order } = await connected()
    await child.rotate(false, SOON_MS)
    await simulator.once(() => order().length === 3, SOON_MS)
    expect(order()).toEqual(['connection_opened', 'connection_closed', 'connection_opened'])
    await until(({ connection }) => connection.state === 'connecting')
    await until(isConnected)
  })

  it('stays when there is no fresh one', async () => {
    const { simulator, child, opened, events, app } = await connected()
    simulator.failNext({ call: 'discovery', code: 1 })
    await child.rotate(true, SOON_MS)
    expect(child.status.connection.state).toBe('connected')
    expect(opened()).toBe(1)
    simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
    await events.next()
  })

  it('and dies meanwhile is followed by the fresh one', async () => {
    const { simulator, app, child, until, opened } = await connected()
    simulator.failNext({ call: 'handshake', hang: true })
    const rotated = child.rotate(true, SOON_MS)
    await simulator.once(entryOf('fault_applied'), SOON_MS)
    simulator.closeConnections(app.appId, { mode: 'reset' })
    await rotated
    const { connection } = await until(({ connection: { state } }) => state === 'connecting')
    expect(connection.attempt).toBe(0)
    // The one that hangs ends at its deadline, and the ladder goes on from there.
    await child.rotate(true, SOON_MS)
    child.reconfigure({ name: app.name, appSecret: app.appSecret })
    await until(isConnected)
    await simulator.once(() => opened() === 2, SOON_MS)
  })
})
