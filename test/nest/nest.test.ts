import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import type { INestApplication } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FeishuConnections, FeishuSupervisor, FeishuSupervisorModule } from '../../src/nest/index.ts'
import { FeishuSimulator } from '../../src/simulator/simulator.ts'
import { Cleanups, eventOf, FAST } from '../support/system.ts'
import { encrypted, headersOf, KEYS, messageEnvelope, sign } from '../support/webhook.ts'
import { principalOf, rootModule, UsersGuard, UsersModule } from './support.ts'

const cleanups = new Cleanups()
afterAll(cleanups.run)

const feishu = new FeishuSimulator()
let domain: string

beforeAll(async () => {
  cleanups.add(() => feishu.stop())
  domain = (await feishu.start()).url
})

describe.each([
  { on: 'Express', adapter: () => new ExpressAdapter(), prefix: '/v1/internal/', path: '/v1/internal/feishu' },
  { on: 'Fastify', adapter: () => new FastifyAdapter(), prefix: '', path: '/api/feishu' },
])('in a NestJS application on $on', ({ on, adapter, prefix, path }) => {
  const simulated = feishu.addApp()
  let dataDir: string
  let url: string
  let botId: string
  let app: INestApplication
  let supervisor: FeishuSupervisor
  let connections: FeishuConnections

  const create = async (): Promise<INestApplication> => {
    const feishuModule = FeishuSupervisorModule.registerAsync({
      imports: [UsersModule],
      inject: [UsersGuard],
      useFactory: (guard: UsersGuard) => ({
        ...FAST,
        dataDir,
        shutdownGraceMs: 0,
        allowedDomains: [domain],
        authorize: (_request, context) => principalOf(guard, context),
      }),
    })
    const created = await NestFactory.create(rootModule(feishuModule), adapter(), {
      logger: false,
      abortOnError: false,
    })
    created.setGlobalPrefix(prefix)
    return created
  }

  beforeAll(async () => {
    dataDir = await cleanups.dataDir()
    app = await create()
    cleanups.add(() => app.close())
    await app.listen(0, '127.0.0.1')
    url = await app.getUrl()
    supervisor = app.get(FeishuSupervisor, { strict: false })
    connections = app.get(FeishuConnections, { strict: false })
  })

  async function call(
    method: string,
    route: string,
    { user, body, headers = {} }: { user?: string; body?: string; headers?: Record<string, string> } = {},
  ): Promise<{ status: number; body: unknown }> {
    const response = await fetch(`${url}${route}`, {
      method,
      headers: { ...(user === undefined ? {} : { 'x-user': user }), 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body }),
    })
    return { status: response.status, body: await response.json() }
  }

  it('starts with it, and leaves its routes alone', async () => {
    expect((await supervisor.status()).state).toBe('running')
    const body = JSON.stringify({ name: 'Tom' })
    const greeted = await call('POST', `${prefix.replace(/\/$/, '')}/hello`, { body })
    expect(greeted).toMatchObject({ body: { hello: 'Tom' } })
    expect(await call('GET', `${path}x/ws/status`)).toMatchObject({ status: 404, body: { message: expect.anything() } })
    expect(await call('GET', `${path}/healthz`)).toEqual({ status: 200, body: { status: 'ok' } })
  })

  it('has the status page under its prefix, with what belongs to it', async () => {
    for (const page of [`${url}${path}/page`, `${url}${path}/page/`]) {
      const html = await (await fetch(page)).text()
      const links = [...html.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, link = '']) => new URL(link, page))
      expect(links.map(({ pathname }) => pathname)).toEqual([`${path}/page/status.css`, `${path}/page/status.js`])
      for (const link of links) expect((await fetch(link)).status).toBe(200)
    }
  })

  it('asks its guards who may do what', async () => {
    const added = JSON.stringify({ appId: simulated.appId, appSecret: simulated.appSecret, domain, ...KEYS })
    expect(await call('POST', `${path}/bots`, { body: added })).toMatchObject({ status: 401 })
    expect(await call('POST', `${path}/bots`, { user: 'nobody', body: added })).toMatchObject({ status: 401 })
    expect(await call('POST', `${path}/bots`, { user: 'mallory', body: added })).toEqual({
      status: 403,
      body: { success: false, error: 'not you' },
    })
    const { status, body } = await call('POST', `${path}/bots`, { user: 'ann', body: added })
    expect({ status, body }).toMatchObject({ status: 201, body: { owner: 'ann' } })
    botId = String(Object(body).id)
    expect(await call('GET', `${path}/bots`, { user: 'ann' })).toMatchObject({ body: { total: 1 } })
    expect(await call('GET', `${path}/bots`, { user: 'bob' })).toMatchObject({ body: { total: 0 } })
  })

  it('gets the raw bytes of a webhook, also in chunks', async () => {
    const [one, two] = ['om_1', 'om_2'].map((messageId) =>
      encrypted(JSON.stringify(messageEnvelope(simulated.appId, { messageId, eventId: messageId }))),
    )
    // The same JSON with other bytes: what a body parser makes of it would not be what was signed.
    const spaced = String(one).replace('{', '{  ')
    const route = `${path}/webhook/${simulated.appId}`
    expect(await call('POST', route, { body: spaced, headers: headersOf(sign(spaced)) })).toMatchObject({ status: 200 })
    expect(await call('POST', route, { body: spaced, headers: headersOf(sign(`${spaced} `)) })).toMatchObject({
      status: 401,
    })
    const chunked = await fetch(`${url}${route}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headersOf(sign(String(two))) },
      body: new Blob([String(two)]).stream(),
      duplex: 'half',
    })
    expect(chunked.status).toBe(200)
  })

  it('connects and disconnects bots for its services', async () => {
    expect(connections.getStatus(botId)).toMatchObject({ botId, state: 'disconnected' })
    const connected = eventOf(supervisor, 'bot', ({ connection }) => connection.lastPongAt !== undefined)
    await connections.connect({ id: botId })
    await connected
    const seen = { botId, state: 'connected', connectedAt: expect.any(Date), lastHeartbeat: expect.any(Date) }
    expect(connections.getStatus(botId)).toEqual(seen)
    expect(connections.getAllConnections()).toEqual(new Map([[botId, seen]]))
    expect(await connections.getWsStatus(botId)).toEqual(seen)
    expect(await connections.getAllWsStatuses()).toEqual([seen])
    const asked = feishu.user('Tom').chatWith(simulated).say('hello')
    expect((await asked.reply()).text).toBe('hello')

    await connections.disconnect(botId)
    expect(await connections.getWsStatus(botId)).toMatchObject({ botId, state: 'disconnected' })
    await supervisor.updateBot(botId, { enabled: false })
    await expect(connections.startWsConnection(botId)).rejects.toMatchObject({ code: 'BOT_NOT_FOUND' })
    await expect(connections.stopWsConnection('none')).rejects.toMatchObject({ code: 'BOT_NOT_FOUND' })
    await expect(connections.getWsStatus('none')).rejects.toMatchObject({ code: 'BOT_NOT_FOUND' })
    const gone = eventOf(supervisor, 'removed', () => true)
    await supervisor.removeBot(botId)
    await gone
    expect(connections.getAllConnections().size).toBe(0)
  })

  it.runIf(on === 'Express')('does not start a second one on the same folder, and says why', async () => {
    const second = await create()
    await expect(second.listen(0, '127.0.0.1')).rejects.toMatchObject({
      code: 'DATA_DIR_IN_USE',
      message: expect.stringContaining(dataDir),
    })
    await second.close()
  })

  it('stops with it, before its services do, also while somebody listens to its events', async () => {
    const order: string[] = []
    const stop = supervisor.stop.bind(supervisor)
    supervisor.stop = async () => {
      await stop()
      order.push('bots')
    }
    app.get(UsersGuard, { strict: false }).destroyed = () => order.push('users')
    const request = get(`${url}${path}/events`, { headers: { 'x-user': 'ann' } })
    const [stream] = (await once(request, 'response')) as [IncomingMessage]
    stream.on('error', () => {}).resume()
    const ended = new Promise((resolve) => stream.once('close', resolve))
    await app.close()
    await ended
    expect(order).toEqual(['bots', 'users'])
    expect((await supervisor.status()).state).toBe('stopped')
  })
})

it('lives several times in one application', async () => {
  const modules = await Promise.all(
    ['/one', '/two'].map(async (path) =>
      FeishuSupervisorModule.register({ ...FAST, path, dataDir: await cleanups.dataDir(), shutdownGraceMs: 0 }),
    ),
  )
  const app = await NestFactory.create(rootModule(...modules), { logger: false, abortOnError: false })
  cleanups.add(() => app.close())
  await app.listen(0, '127.0.0.1')
  for (const path of ['/one', '/two']) {
    const ready = await fetch(`${await app.getUrl()}${path}/readyz`)
    expect(ready.status).toBe(200)
  }
  const supervisors = app.get(FeishuSupervisor, { strict: false, each: true })
  expect(new Set(supervisors).size).toBe(2)
})

it('runs in an application without HTTP', async () => {
  const dataDir = await cleanups.dataDir()
  const root = rootModule(FeishuSupervisorModule.register({ ...FAST, dataDir, shutdownGraceMs: 0 }))
  const context = await NestFactory.createApplicationContext(root, { logger: false, abortOnError: false })
  const supervisor = context.get(FeishuSupervisor, { strict: false })
  expect((await supervisor.status()).state).toBe('running')
  await context.close()
  expect((await supervisor.status()).state).toBe('stopped')
})

it.each(['feishu', '/api/', '/a b', ''])('refuses the path "%s" by name', async (path) => {
  const root = rootModule(FeishuSupervisorModule.register({ path }))
  await expect(NestFactory.create(root, { logger: false, abortOnError: false })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('path: expected'),
  })
})
