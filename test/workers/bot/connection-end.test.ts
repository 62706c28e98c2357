import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { entryOf } from '../../../src/simulator/history/history.ts'
import type { FailureMode } from '../../../src/simulator/faults/fault.ts'
import { newApp, SOON_MS, startSimulator } from '../../support/simulator.ts'
import { Http } from '../../../workers/bot/http/http.ts'
import { endOf, openConnection, refuseUpgrade, scriptedGateway } from '../../support/bot.ts'

describe('a discovery call that fails', () => {
  it.each<[string, FailureMode, string, string]>([
    ['514', { code: 514 }, 'credentials', '514'],
    ['system busy', { code: 1 }, 'server', '1'],
    ['internal error', { code: 1000040343 }, 'server', '1000040343'],
    ['too many connections', { code: 1000040350 }, 'limit', '1000040350'],
    ['an unknown code', { code: 424242 }, 'network', '424242'],
    ['HTTP 400 without a code', { http: 400, code: 0 }, 'credentials', '400'],
    ['HTTP 500 without a code', { http: 500, code: 0 }, 'server', '500'],
    ['HTTP 500 with a code', { http: 500, code: 1 }, 'server', '1'],
    ['a lost answer', { loseAnswer: true }, 'network', 'ECONNRESET'],
  ])('%s ends the attempt once, with its code and after a single call', async (_name, failure, kind, code) => {
    const { simulator, url, app } = await startSimulator()
    simulator.failNext({ call: 'discovery', count: 99, ...failure })
    const { reports, connection } = openConnection(url, app)
    expect(await endOf(reports)).toMatchObject({ kind, code })
    connection.close()
    expect(reports.items.map((report) => report.kind)).toEqual(['ended'])
    expect(simulator.history.entries.filter((entry) => entry.kind === 'fault_applied')).toHaveLength(1)
  })

  it('is told by the platform itself when the secret is wrong or the app unknown', async () => {
    const { url, app } = await startSimulator()
    const wrong = openConnection(url, { ...app, appSecret: 'wrong' })
    expect(await endOf(wrong.reports)).toMatchObject({ kind: 'credentials', code: '514' })
    const unknown = openConnection(url, newApp())
    expect(await endOf(unknown.reports)).toMatchObject({ kind: 'credentials', code: '1000040345' })
  })

  it.each([
    ['of the attempt', { attemptTimeoutMs: 200 }],
    ['of the call', { http: new Http(200) }],
  ])('that nobody answers ends at the deadline %s', async (_name, more) => {
    const { simulator, url, app } = await startSimulator()
    simulator.failNext({ call: 'discovery', hang: true })
    const { reports } = openConnection(url, app, more)
    expect(await endOf(reports)).toMatchObject({ kind: 'network', code: 'ETIMEDOUT' })
  })

  it('refused by the host ends as ECONNREFUSED', async () => {
    const closed = createServer().listen(0, '127.0.0.1')
    await once(closed, 'listening')
    const { port } = closed.address() as AddressInfo
    closed.close()
    await once(closed, 'close')
    const { reports } = openConnection(`http://127.0.0.1:${port}`, newApp())
    expect(await endOf(reports)).toMatchObject({ kind: 'network', code: 'ECONNREFUSED' })
  })

  it.each<[string, unknown]>([
    ['null', null],
    ['no data', { code: 0 }],
    ['an empty URL', { code: 0, data: { URL: '' } }],
    ['a URL that is no text', { code: 0, data: { URL: 7, ClientConfig: {} } }],
    ['a URL of another protocol', { code: 0, data: { URL: 'ftp://127.0.0.1/ws' } }],
    ['a URL that no WebSocket takes', { code: 0, data: { URL: 'ws://127.0.0.1/ws#part' } }],
  ])('answered with %s ends as a protocol error', async (_name, answer) => {
    const { url } = await scriptedGateway(
      () => {},
      () => answer,
    )
    const { reports } = openConnection(url, newApp())
    expect(await endOf(reports)).toMatchObject({ kind: 'network', code: 'EPROTO' })
  })

  it('without data but with a code is read by its code', async () => {
    const { url } = await scriptedGateway(
      () => {},
      () => ({ code: 514, msg: 'auth failed' }),
    )
    const { reports } = openConnection(url, newApp())
    expect(await endOf(reports)).toMatchObject({ kind: 'credentials', code: '514' })
  })
})

describe('a handshake that fails', () => {
  it.each<[string, number, Record<string, string>, string, string]>([
    ['403', 403, { 'Handshake-Status': '403', 'Handshake-Msg': 'banned' }, 'credentials', '403'],
    [
      '514 with the connection limit',
      403,
      { 'Handshake-Status': '514', 'Handshake-Autherrcode': '1000040350', 'Handshake-Msg': 'exceeded' },
      'limit',
      '1000040350',
    ],
    ['514 alone', 403, { 'Handshake-Status': '514' }, 'network', '514'],
    ['no header at all', 409, {}, 'network', '409'],
    ['a balancer without a gateway', 503, {}, 'server', '503'],
    ['a filter in between', 403, {}, 'network', '403'],
  ])('refused with %s ends once', async (_name, status, headers, kind, code) => {
    const { url, upgrades } = await scriptedGateway((socket) => refuseUpgrade(socket, status, headers))
    const { reports, connection } = openConnection(url, newApp())
    expect(await endOf(reports)).toMatchObject({ kind, code })
    connection.close()
    expect(reports.items).toHaveLength(1)
    expect(upgrades.items).toHaveLength(1)
  })

  it('that hangs is ended and its socket freed', async () => {
    const { url, upgrades } = await scriptedGateway(() => {})
    const { reports } = openConnection(url, newApp(), { attemptTimeoutMs: 300 })
    const socket = await upgrades.next()
    const closed = once(socket, 'close')
    expect(await endOf(reports)).toMatchObject({ kind: 'network' })
    await closed
    expect(reports.items).toHaveLength(1)
  })
})

describe('an established connection', () => {
  it.each([
    ['a close frame', { mode: 'close', code: 1001 }],
    ['a TCP reset', { mode: 'reset' }],
  ] as const)('ends once with %s, and does not come back by itself', async (_name, how) => {
    const { simulator, url, app } = await startSimulator()
    const { reports } = openConnection(url, app)
    await simulator.once(entryOf('connection_ready'), SOON_MS)
    await reports.next(({ kind }) => kind === 'opened')
    simulator.closeConnections(app.appId, how)
    expect(await endOf(reports)).toMatchObject({ kind: 'network', code: 'ECLOSED' })
    // Time enough for a second connection of the same app: the platform orders one every 50 ms.
    const other = openConnection(url, app)
    await other.reports.next(({ kind }) => kind === 'ponged')
    await other.reports.next(({ kind }) => kind === 'ponged')
    expect(simulator.history.entries.filter(({ kind }) => kind === 'discovery')).toHaveLength(2)
    expect(reports.items.filter(({ kind }) => kind === 'ended')).toHaveLength(1)
  })

  it('that is half-open ends for want of a pong and frees its socket', async () => {
    const { simulator, url, app } = await startSimulator()
    const { reports } = openConnection(url, app, { pongTimeoutMs: 300 })
    await reports.next(({ kind }) => kind === 'ponged')
    simulator.freezeConnections(app.appId)
    expect(await endOf(reports)).toMatchObject({ kind: 'network', code: 'EPONG' })
    await simulator.once(entryOf('connection_closed'), SOON_MS)
  })

  it('reports nothing after it was closed by us', async () => {
    const { simulator, url, app } = await startSimulator()
    const { reports, connection } = openConnection(url, app)
    await reports.next(({ kind }) => kind === 'opened')
    connection.close()
    connection.close()
    await simulator.once(entryOf('connection_closed'), SOON_MS)
    expect(reports.items.filter(({ kind }) => kind === 'ended')).toEqual([])
  })
})
