import { readFileSync } from 'node:fs'
import { createServer as createTlsServer } from 'node:https'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { type AddressInfo, type Server } from 'node:net'
import { describe, expect, it } from 'vitest'
import { FeishuSupervisorError } from '../../../src/core/errors.ts'
import type { Finding } from '../../../src/protocol/model/finding.ts'
import type { SimulatedApp } from '../../../src/simulator/shared/app-directory.ts'
import { type AppToCheck, checkApp } from '../../../workers/bot/check/check-app.ts'
import { Http, type HttpRequest } from '../../../workers/bot/http/http.ts'
import { type EgressOptions, Egress } from '../../../workers/bot/http/egress.ts'
import { closeLater, newApp, startSimulator } from '../../support/simulator.ts'

const NOBODY = 'http://127.0.0.1:1'

interface World extends Partial<AppToCheck> {
  readonly app?: Partial<SimulatedApp>
  readonly egress?: EgressOptions
}

/** A bot at a Feishu, and that Feishu. */
async function world({ app: more = {}, egress: routeOptions, ...given }: World = {}) {
  const { simulator, url } = await startSimulator()
  const app = simulator.addApp({ ...newApp(), ...more })
  const egress = new Egress(routeOptions)
  const http = new Http(2_000, egress)
  closeLater(() => http.close())
  const parts: AppToCheck = {
    credentials: { appId: app.appId, appSecret: app.appSecret },
    domain: url,
    http,
    proxyTo: (target) => egress.proxyTo(target),
    now: Date.now,
    ...given,
  }
  return { simulator, url, app, parts }
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  closeLater(() => server.close())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** What is not right. */
function faults(findings: readonly Finding[]): readonly Finding[] {
  return findings.filter(({ level }) => level !== 'ok')
}

it('says of a bot that is right what was seen, and opens no connection', async () => {
  const { simulator, url, parts } = await world({ app: { subscription: 'websocket' } })
  const findings = await checkApp(parts, true)
  expect(faults(findings)).toEqual([])
  expect(findings.map(({ check }) => check)).toEqual([
    'egress',
    'clock',
    'credentials',
    'scopes',
    'subscription',
    'egress',
  ])
  expect(findings[0]?.message).toContain(`${url} answers`)
  expect(JSON.stringify(simulator.history.entries).includes('connection_opened')).toBe(false)
  expect(JSON.stringify(findings)).not.toContain(parts.credentials.appSecret)
})

describe('each thing that is wrong is said once, with its mend', () => {
  it.each<[string, () => Promise<World>, boolean, Partial<Finding>]>([
    [
      'nobody listens',
      async () => ({ domain: NOBODY }),
      true,
      {
        check: 'egress',
        message: expect.stringMatching(/^TCP.*ECONNREFUSED/),
        mend: expect.stringContaining('127.0.0.1:1'),
      },
    ],
    [
      'the name is not known',
      async () => ({ http: failing('ENOTFOUND') }),
      true,
      { check: 'egress', message: expect.stringMatching(/^DNS/), mend: expect.stringContaining('resolve') },
    ],
    [
      'the certificate is not trusted',
      async () => {
        const tls = (name: string): Buffer => readFileSync(new URL(`../../fixtures/tls/${name}`, import.meta.url))
        const server = createTlsServer({ key: tls('server.key'), cert: tls('server.pem') })
        return { domain: `https://127.0.0.1:${await listening(server)}` }
      },
      true,
      { check: 'egress', message: expect.stringMatching(/^TLS/), mend: expect.stringContaining('FS_CA_FILE') },
    ],
    [
      'the proxy is not there',
      async () => ({
        domain: 'http://feishu.invalid',
        egress: { proxy: 'http://fake-user:fake-password@127.0.0.1:1' },
      }),
      true,
      {
        check: 'egress',
        message: expect.stringMatching(/^proxy/),
        mend: expect.stringContaining('HTTPS_PROXY (127.0.0.1:1)'),
      },
    ],
    [
      'something else answers',
      async () => {
        const server = createServer((_request, response) => response.end('<html>Please log in</html>'))
        return { domain: `http://127.0.0.1:${await listening(server)}` }
      },
      true,
      {
        check: 'egress',
        level: 'error',
        message: expect.stringContaining("not Feishu's"),
        mend: expect.stringContaining('domain'),
      },
    ],
    [
      'the clock is a little off',
      async () => ({ now: () => Date.now() + 100_000 }),
      true,
      {
        check: 'clock',
        level: 'warning',
        message: expect.stringContaining('ahead of'),
        mend: expect.stringContaining('NTP'),
      },
    ],
    [
      'the clock is far off',
      async () => ({ now: () => Date.now() - 400_000 }),
      true,
      { check: 'clock', level: 'error', message: expect.stringContaining('behind') },
    ],
    [
      'the secret is wrong',
      async () => ({ credentials: { ...newApp(), appSecret: 'fake-wrong' } }),
      true,
      {
        check: 'credentials',
        message: expect.stringContaining('code 10003'),
        mend: expect.stringContaining('app secret'),
      },
    ],
    [
      'nothing was granted',
      async () => ({ app: { scopes: [] } }),
      true,
      { check: 'scopes', level: 'error', mend: expect.stringContaining('im:message:send_as_bot') },
    ],
    [
      'groups were not granted',
      async () => ({ app: { scopes: ['im:message', 'im:message.p2p_msg'] } }),
      true,
      { check: 'scopes', level: 'warning', message: expect.stringContaining('groups') },
    ],
    [
      'the app sends webhooks and the bot waits for a connection',
      async () => ({ app: { subscription: 'webhook' } }),
      true,
      { check: 'subscription', level: 'error', mend: expect.stringContaining('long connection') },
    ],
    [
      'the app keeps a connection and the bot waits for webhooks',
      async () => ({ app: { subscription: 'websocket' } }),
      false,
      { check: 'subscription', level: 'error', mend: expect.stringContaining('webhook') },
    ],
  ])('%s', async (_what, given, useWebSocket, expected) => {
    const { parts } = await world(await given())
    const found = faults(await checkApp(parts, useWebSocket))
    expect(found).toEqual([{ level: 'error', mend: expect.any(String), message: expect.any(String), ...expected }])
    expect(JSON.stringify(found)).not.toMatch(/fake-password|fake-wrong/)
  })

  it('discovery refuses, though the token is given', async () => {
    const { simulator, app, parts } = await world()
    simulator.inject({ kind: 'fail_next', call: 'discovery', appId: app.appId, http: 200, code: 1000040345 })
    expect(faults(await checkApp(parts, true))).toEqual([
      {
        check: 'subscription',
        level: 'error',
        message: expect.stringContaining('1000040345'),
        mend: expect.stringContaining('long connection is its event subscription mode'),
      },
    ])
    expect(faults(await checkApp(parts, false))).toEqual([])
  })

  it('the scopes may not be read', async () => {
    const { simulator, app, parts } = await world()
    simulator.inject({ kind: 'fail_next', call: 'scopes', appId: app.appId, http: 400, code: 99991672 })
    expect(faults(await checkApp(parts, true))).toEqual([
      { check: 'scopes', level: 'warning', message: expect.stringContaining('99991672'), mend: expect.any(String) },
    ])
  })

  it('the gateway cannot be reached', async () => {
    const { parts } = await world()
    const { http } = parts
    const elsewhere = {
      request: async (request: HttpRequest) =>
        request.url.endsWith('/callback/ws/endpoint')
          ? { status: 200, headers: {}, body: { code: 0, data: { URL: 'ws://127.0.0.1:1/ws?ticket=fake-ticket' } } }
          : await http.request(request),
    } as unknown as Http
    const found = faults(await checkApp({ ...parts, http: elsewhere }, true))
    expect(found).toEqual([expect.objectContaining({ check: 'egress', mend: expect.stringContaining('127.0.0.1:1') })])
    expect(JSON.stringify(found)).not.toContain('fake-ticket')
  })
})

function failing(code: string): Http {
  const cause = Object.assign(new Error(code), { code })
  const request = () => Promise.reject(new FeishuSupervisorError('CONNECTION_FAILED', `no way: ${code}`, { cause }))
  return { request } as unknown as Http
}
