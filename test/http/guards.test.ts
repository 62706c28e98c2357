import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { beforeAll, describe, expect, it } from 'vitest'
import { SERVER_LIMITS, serve } from '../../src/cli/serve.ts'
import { RateLimit } from '../../src/http/api/rate-limit.ts'
import type { FeishuSupervisor } from '../../src/index.ts'
import { API_TOKEN } from '../support/system.ts'
import { Client, shared } from '../support/http.ts'

const { file, test } = shared()
let supervisor: FeishuSupervisor
let api: Client

/** Never started: what is refused here is refused before anybody is asked. */
beforeAll(async () => {
  supervisor = file.supervisor({ dataDir: await file.dataDir(), allowedHosts: ['localhost', 'bots.example'] })
  api = new Client(supervisor)
})

const PATH = '/api/feishu/ws/status'

async function status(headers: Record<string, string>, method = 'GET', path = PATH): Promise<number> {
  return (await api.send(method, path, method === 'GET' ? undefined : {}, headers)).status
}

describe('a request', () => {
  it('is answered under a known name only', async () => {
    expect(await status({ host: 'localhost:3400' })).toBe(200)
    expect(await status({ host: 'BOTS.example' })).toBe(200)
    expect(await status({ host: 'evil.example' })).toBe(421)
    expect(await status({ host: 'localhost.evil.example' })).toBe(421)
    // Probes come by address.
    expect(await status({ host: '10.0.0.1' }, 'GET', '/healthz')).toBe(200)
  })

  it('of a page of another origin changes nothing', async () => {
    const path = '/api/feishu/tokens'
    for (const origin of ['https://evil.example', 'null', 'http://localhost.evil.example', 'http://localhost:1']) {
      expect(await status({ host: 'localhost', origin }, 'POST', path)).toBe(403)
    }
    expect(await status({ host: 'localhost', origin: 'http://localhost' }, 'POST', path)).toBe(400)
    expect(await status({ host: 'localhost', origin: 'https://evil.example' })).toBe(200)
  })

  it('may not be large', async () => {
    const answer = await api.call('POST', '/api/feishu/tokens', { owner: 'x'.repeat(70_000) })
    expect(answer).toEqual({ status: 413, body: { success: false, error: expect.stringContaining('65536') } })
  })

  it.each([PATH, '/healthz', '/api/feishu/none', '/api/feishu/bots/bot_1'])(
    'for %s is answered with headers that keep browsers careful',
    async (path) => {
      const { headers } = await api.send('GET', path)
      expect(headers.get('content-security-policy')).toContain("default-src 'none'")
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('x-frame-options')).toBe('DENY')
      expect(headers.get('cache-control')).toBe('no-store')
      expect(headers.get('access-control-allow-origin')).toBeNull()
    },
  )

  it('too many of one token are told to come later, those of another are not', async () => {
    const owner = (request: Request): string => request.headers.get('x-user') ?? ''
    const many = test.supervisor({
      dataDir: await test.dataDir(),
      authorize: (request) => ({ id: owner(request), owner: owner(request), role: 'user', scopes: ['read', 'write'] }),
    })
    const client = new Client(many)
    let refused: Response | undefined
    for (let count = 0; count < 2_000 && refused === undefined; count++) {
      const response = await client.send('GET', PATH, undefined, { 'x-user': 'flood' })
      if (response.status === 429) refused = response
    }
    expect(refused?.headers.get('retry-after')).toBe('1')
    expect((await client.send('GET', PATH, undefined, { 'x-user': 'calm' })).status).toBe(200)

    const order = async (user: string): Promise<number> =>
      (await client.send('POST', '/api/feishu/bots/bot_1/restart', undefined, { 'x-user': user })).status
    const strangers: number[] = []
    for (let count = 0; count < 100; count++) strangers.push(await order('stranger'))
    expect(strangers).toContain(429)
    expect(await order('owner')).toBe(404)
  })
})

it('a rate limit lets through its burst, then its pace', () => {
  const limit = new RateLimit({ perSecond: 2, burst: 3 })
  const take = (now: number): boolean => {
    try {
      limit.take('a', 'calls', now)
      return true
    } catch {
      return false
    }
  }
  expect([0, 0, 0, 0].map(take)).toEqual([true, true, true, false])
  expect([400, 500, 500, 1_000, 1_000].map(take)).toEqual([false, true, false, true, false])
  expect([100_000, 100_000, 100_000, 100_000].map(take)).toEqual([true, true, true, false])
})

describe('the server', () => {
  it('takes an order without a body, also from a client that says nothing of its length', async () => {
    const server = await serve(supervisor.fetch, { host: '127.0.0.1', port: 0 })
    test.add(() => server.close())
    for (const length of ['', 'Content-Length: 0\r\n', 'Transfer-Encoding: chunked\r\n']) {
      const socket = await open(Number(new URL(server.url).port))
      const answer = once(socket, 'data')
      socket.write(
        `POST /api/feishu/bots/bot_1/ws/connect HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${API_TOKEN}\r\n` +
          `Content-Type: application/json\r\n${length}\r\n${length.startsWith('T') ? '0\r\n\r\n' : ''}`,
      )
      const [text] = (await answer) as [Buffer]
      expect(text.toString()).toMatch(/^HTTP\/1\.1 400[\s\S]*Bot not found or disabled/)
    }
  })

  it('gives nobody for ever to say what he wants', async () => {
    const limits = { ...SERVER_LIMITS, headersTimeout: 200, requestTimeout: 400, connectionsCheckingInterval: 50 }
    const server = await serve(supervisor.fetch, { host: '127.0.0.1', port: 0 }, limits)
    test.add(() => server.close())
    const port = Number(new URL(server.url).port)
    const sockets = await Promise.all(Array.from({ length: 100 }, () => open(port)))
    for (const [index, socket] of sockets.entries()) {
      // A third says nothing, a third half a header, a third half a body.
      if (index % 3 === 1) socket.write('GET /healthz HTTP/1.1\r\nHost: lo')
      if (index % 3 === 2) {
        const head = `POST /api/feishu/tokens HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${API_TOKEN}\r\n`
        socket.write(`${head}Content-Type: application/json\r\nContent-Length: 50\r\n\r\n{`)
      }
    }
    await Promise.all(sockets.filter(({ closed }) => !closed).map((socket) => once(socket, 'close')))
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
  })
})

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  test.add(() => Promise.resolve(socket.destroy()))
  socket.on('error', () => {})
  socket.resume()
  await once(socket, 'connect')
  return socket
}
