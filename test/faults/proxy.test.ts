import { describe, expect, it } from 'vitest'
import { newApp } from '../support/simulator.ts'
import { type ProxySettings, startProxy } from '../support/connect-proxy.ts'
import { dataFrame, isConnected, messageEvent, openFrameGateway, superviseBot, TLS } from './frame-gateway.ts'

function portOf(url: string): number {
  return Number(new URL(url).port)
}

const PUBLIC = 'http://feishu.test'
const SECURE = 'https://feishu.test'
const caFile = `${TLS}/ca.pem`

describe('a bot behind a proxy', () => {
  it.each([
    ['plain', PUBLIC, 'feishu.test:80', {}],
    ['over TLS, with an authority of the company', SECURE, 'feishu.test:443', { caFile }],
  ])('calls, connects and gets its events through it: %s', async (_name, publicUrl, target, trust) => {
    const gateway = await openFrameGateway({ publicUrl })
    const proxy = await startProxy({ hosts: { [target]: portOf(gateway.url) }, credentials: 'ann:s%cret' })
    const url = `http://ann:s%25cret@127.0.0.1:${proxy.port}`
    const { until, events, logs, statuses } = superviseBot(publicUrl, newApp(), { proxy: url, ...trust })
    await until(isConnected)
    await gateway.pings.next()
    gateway.send(dataFrame(messageEvent('through')))
    expect((await events.next()).event.dedupeKey).toBe('m:through')
    // One tunnel for the calls, one for the long connection.
    expect(proxy.targets()).toEqual([target, target])
    expect(JSON.stringify([logs, statuses.items])).not.toContain('s%25cret')
  })

  it('is not sent through it to hosts that need none', async () => {
    const gateway = await openFrameGateway()
    const proxy = await startProxy({ status: 500 })
    const { until } = superviseBot(gateway.url, newApp(), { proxy: proxy.url })
    await until(isConnected)
    expect(proxy.targets()).toEqual([])
  })

  it.each<[string, ProxySettings, string]>([
    ['asks for credentials', { credentials: 'ann:other' }, 'EPROXY'],
    ['forbids the host', { status: 403 }, 'EPROXY'],
    ['finds no way', {}, 'EPROXY'],
    ['says nothing', { isSilent: true }, 'ETIMEDOUT'],
  ])('that %s tries for ever and says why', async (_name, settings, code) => {
    const proxy = await startProxy(settings)
    const connection = { proxy: proxy.url, attemptTimeoutMs: 200, sendTimeoutMs: 150 }
    const { until } = superviseBot(PUBLIC, newApp(), connection)
    const status = await until(({ connection: { attempt } }) => attempt >= 3)
    // Not a word about the credentials of the app: Feishu was never asked.
    expect(status.connection).toMatchObject({ state: 'reconnecting', trouble: { kind: 'network', code } })
    // A way that was given up is closed.
    await proxy.notices.until(() => proxy.notices.items.filter(({ kind }) => kind === 'closed').length >= 3)
  })

  it('that is not there tries for ever too', async () => {
    const proxy = await startProxy({})
    await proxy.stop()
    const { until } = superviseBot(PUBLIC, newApp(), { proxy: proxy.url })
    const { connection } = await until(({ connection: { attempt } }) => attempt >= 2)
    expect(connection.trouble).toMatchObject({ kind: 'network', code: 'ECONNREFUSED' })
  })

  it('that does not trust what it finds is told which setting mends that', async () => {
    const gateway = await openFrameGateway({ publicUrl: SECURE })
    const proxy = await startProxy({ hosts: { 'feishu.test:443': portOf(gateway.url) } })
    const { until } = superviseBot(SECURE, newApp(), { proxy: proxy.url })
    const { connection } = await until(({ connection: { attempt } }) => attempt >= 1)
    expect(connection.trouble).toMatchObject({ kind: 'network' })
    expect(connection.trouble?.message).toContain('connection.caFile')
  })
})
