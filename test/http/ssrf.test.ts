import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { checkApp } from '../../workers/bot/check/check-app.ts'
import { Http } from '../../workers/bot/http/http.ts'
import { Client, shared } from '../support/http.ts'

const { test } = shared()
const BOT = { appId: 'cli_00000000000000a1', appSecret: 'canary-secret' }

async function listen(answer: RequestListener): Promise<{ url: string; requests: string[] }> {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(request.url ?? '')
    answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  test.add(() => new Promise((resolve) => server.close(resolve)))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests }
}

describe('H5: a bot', () => {
  it('is pointed at nothing but what the operator allows, whatever it is called', async () => {
    const inside = await listen((_request, response) => response.end('{}'))
    const port = new URL(inside.url).port
    // Never started: what is refused here is refused before anybody is asked.
    const supervisor = test.supervisor({
      dataDir: await test.dataDir(),
      allowedDomains: ['https://feishu.corp.example'],
    })
    const api = new Client(supervisor)
    for (const domain of [
      'http://169.254.169.254',
      `http://localhost:${port}`,
      inside.url,
      `http://[::ffff:127.0.0.1]:${port}`,
      `http://2130706433:${port}`,
      `http://127.1:${port}`,
      `http://127.0.0.1.nip.example:${port}`,
      'file:///etc/passwd',
      'https://open.feishu.cn@evil.example',
      'https://open.feishu.cn.evil.example',
      'https://open.feishu.cn:8443',
      'http://open.feishu.cn',
      'https://feishu.corp.example:444',
      'https://sub.feishu.corp.example',
    ]) {
      for (const [method, path, body] of [
        ['POST', '/api/feishu/bots', { ...BOT, domain }],
        ['POST', '/api/feishu/bots', { ...BOT, domain: `${domain}/x/../` }],
      ] as const) {
        const answer = await api.call(method, path, body)
        expect({ domain, answer }).toEqual({
          domain,
          answer: { status: 400, body: { success: false, error: expect.stringMatching(/^domain: /) } },
        })
      }
    }
    expect(inside.requests).toEqual([])
  })

  it('follows no redirect of the place it is pointed at', async () => {
    const inside = await listen((_request, response) => response.end('{}'))
    const allowed = await listen((_request, response) => response.writeHead(302, { location: inside.url }).end())
    const http = new Http(2_000)
    test.add(() => Promise.resolve(http.close()))
    const credentials = { appId: BOT.appId, appSecret: BOT.appSecret }
    const app = { credentials, domain: allowed.url, http, proxyTo: () => undefined, now: Date.now }
    expect(await checkApp(app, true)).toMatchObject([{ check: 'egress', level: 'error' }])
    expect(allowed.requests).toHaveLength(1)
    expect(inside.requests).toEqual([])
  })
})
