import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { FeishuSupervisor } from '../../src/index.ts'
import type { LaunchedSimulator } from '../../src/simulator/launch.ts'
import { ADA, addConnected, API_TOKEN, BEN, eventOf } from '../support/system.ts'
import { Client, shared, startedSupervisor } from '../support/http.ts'

const { file, test } = shared()
let simulator: LaunchedSimulator
let supervisor: FeishuSupervisor
let admin: Client
/** A bot of ann with one dead letter. */
let botId: string
let eventId: number

interface Operation {
  readonly method: string
  readonly path: string
  /** Null for a public route. */
  readonly asks: readonly string[] | null
}

/** Routes that ask nobody who they are: they tell nothing of bots, or have a check of their own. */
const PUBLIC = [
  'GET /',
  'GET /api/feishu/docs',
  'GET /api/feishu/openapi.json',
  'GET /api/feishu/page',
  'GET /api/feishu/page/{file}',
  'GET /healthz',
  'GET /readyz',
  'POST /api/feishu/webhook/{appId}',
]

let operations: readonly Operation[]

beforeAll(async () => {
  simulator = await file.simulator()
  const handler = join(await file.folder(), 'fails.mjs')
  await writeFile(handler, "export default () => { throw new Error('always') }")
  supervisor = await startedSupervisor(file, { handler, messages: { threads: 1, maxAttempts: 1 } })
  admin = new Client(supervisor)
  botId = await addConnected(supervisor, ADA, simulator.url)
  await supervisor.updateBot(botId, { owner: 'ann' })
  const dead = eventOf(supervisor, 'message', ({ stage }) => stage === 'dead')
  await simulator.client.sendText({ appId: ADA.appId, chatId: 'oc_1', text: 'x' })
  await dead
  eventId = (await supervisor.listDeadLetters()).items[0]?.eventId ?? 0
  operations = await routeTable()
})

/** What the API says of itself is what it checks: see `define`. */
async function routeTable(): Promise<Operation[]> {
  const { body } = await new Client(supervisor, null).call('GET', '/api/feishu/openapi.json')
  const { paths } = body as { paths: Record<string, Record<string, { security: { bearer: string[] }[] }>> }
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { security }]) => ({
      method: method.toUpperCase(),
      path,
      asks: security[0]?.bearer ?? null,
    })),
  )
}

/** A body that every route takes far enough to do something, were it allowed. */
const BODIES: Readonly<Record<string, unknown>> = {
  'POST /api/feishu/bots': BEN,
  'PATCH /api/feishu/bots/{id}': { name: 'Mallory' },
  'POST /api/feishu/tokens': { owner: 'mallory' },
  'POST /api/feishu/dead-letters/{eventId}/resubmit': {},
}

async function send(client: Client, { method, path }: Operation, id: string | number): Promise<Response> {
  return await client.send(method, path.replace(/\{\w+\}/, String(id)), BODIES[`${method} ${path}`])
}

/** Everything a request could have changed. */
async function state(): Promise<unknown> {
  const { items } = await supervisor.auditLog({ limit: 1, offset: 0 })
  return [await supervisor.listBots(), (await supervisor.listDeadLetters()).items, items]
}

async function tokenOf(options: Parameters<FeishuSupervisor['createToken']>[0]): Promise<string> {
  return (await supervisor.createToken(options)).token
}

describe('A1: every route', () => {
  it('is public by name only', () => {
    const open = operations.filter(({ asks }) => asks === null).map(({ method, path }) => `${method} ${path}`)
    expect(open.toSorted((a, b) => a.localeCompare(b))).toEqual(PUBLIC)
  })

  it('changes nothing by GET', () => {
    for (const { method, asks } of operations) {
      if (asks === null) continue
      expect(asks.includes('write')).toBe(method !== 'GET')
    }
  })

  it('refuses whoever has no valid token, and does nothing', async () => {
    const revoked = await supervisor.createToken({ owner: 'ann', role: 'admin' })
    await supervisor.revokeToken(revoked.record.id)
    const valid = await tokenOf({ owner: 'ann', role: 'admin' })
    const bad = {
      none: null,
      empty: '',
      garbage: 'garbage',
      'a wrong secret': `${valid.slice(0, -4)}AAAA`,
      'an unknown id': valid.replace(/_[0-9a-f]{12}_/, '_000000000000_'),
      expired: await tokenOf({ owner: 'ann', role: 'admin', expiresInDays: 1e-12 }),
      revoked: revoked.token,
      'the configured one with more behind it': `${API_TOKEN}x`,
    }
    const before = await state()
    for (const [what, token] of Object.entries(bad)) {
      for (const operation of operations.filter(({ asks }) => asks !== null)) {
        const response = await send(new Client(supervisor, token), operation, botId)
        const seen = { what, operation, status: response.status, body: await response.json() }
        expect(seen).toEqual({ what, operation, status: 401, body: { success: false, error: 'Unauthorized' } })
        expect(response.headers.get('www-authenticate')).toBe('Bearer')
      }
    }
    expect(await state()).toEqual(before)
  })

  it('refuses a token that may not do this', async () => {
    const readOnly = new Client(supervisor, await tokenOf({ owner: 'ann', role: 'admin', scopes: ['read'] }))
    const user = new Client(supervisor, await tokenOf({ owner: 'ann' }))
    const before = await state()
    for (const operation of operations.filter(({ asks }) => asks?.includes('write'))) {
      expect({ operation, status: (await send(readOnly, operation, botId)).status }).toMatchObject({ status: 403 })
    }
    for (const operation of operations.filter(({ asks }) => asks?.includes('admin'))) {
      expect({ operation, status: (await send(user, operation, botId)).status }).toMatchObject({ status: 403 })
    }
    expect(await state()).toEqual(before)
  })

  it('shows a stranger of a foreign bot exactly what it shows of a missing one', async () => {
    const stranger = new Client(supervisor, await tokenOf({ owner: 'bob' }))
    const before = await state()
    for (const operation of operations) {
      if (operation.asks === null || operation.asks.includes('admin') || !operation.path.includes('{')) continue
      const isEvent = operation.path.includes('{eventId}')
      const foreign = await send(stranger, operation, isEvent ? eventId : botId)
      const missing = await send(stranger, operation, isEvent ? 999_999 : 'bot_missing')
      const text = (await foreign.text()).replaceAll(botId, 'X')
      expect({ operation, status: foreign.status, text }).toEqual({
        operation,
        status: missing.status,
        text: (await missing.text()).replaceAll('bot_missing', 'X'),
      })
      expect([400, 404]).toContain(foreign.status)
    }
    expect(await state()).toEqual(before)
    for (const path of ['bots', 'messages', 'dead-letters', `messages?botId=${botId}`]) {
      expect(await stranger.call('GET', `/api/feishu/${path}`)).toMatchObject({ body: { items: [], total: 0 } })
    }
    expect(await stranger.call('GET', '/api/feishu/ws/status')).toMatchObject({ body: { connections: [] } })
    expect(await stranger.call('GET', '/api/feishu/supervisor')).toMatchObject({ body: { bots: [] } })
  })

  it('lets the owner in', async () => {
    const ann = new Client(supervisor, await tokenOf({ owner: 'ann' }))
    expect(await ann.call('GET', '/api/feishu/bots')).toMatchObject({ body: { items: [{ id: botId, owner: 'ann' }] } })
    expect(await ann.call('GET', `/api/feishu/messages/${eventId}`)).toMatchObject({ status: 200 })
    expect(await ann.call('GET', '/api/feishu/dead-letters')).toMatchObject({ body: { total: 1 } })
    expect(await ann.call('PATCH', `/api/feishu/bots/${botId}`, { owner: 'bob' })).toMatchObject({
      status: 403,
      body: { error: expect.stringContaining('owner') },
    })
  })
})

describe('the handler of a bot', () => {
  const NEW = { appSecret: 'fake' }
  const named = 'cli_00000000000000a2'

  it('is given by its owners and by admins, and stays when a user changes something else', async () => {
    const owned = await startedSupervisor(test, {
      handlers: { sales: 'echo', support: 'echo' },
      handlerOwners: { sales: ['ann'] },
    })
    const of = async (owner: string): Promise<Client> => new Client(owned, (await owned.createToken({ owner })).token)
    const [ann, ben, admins] = [await of('ann'), await of('ben'), new Client(owned)]
    const refused = { status: 403, body: { error: expect.stringContaining('handlerOwners') } }
    expect(await ben.call('POST', '/api/feishu/bots', { ...NEW, appId: named, handler: 'sales' })).toMatchObject(
      refused,
    )
    expect(await ann.call('POST', '/api/feishu/bots', { ...NEW, appId: named, handler: 'support' })).toMatchObject(
      refused,
    )
    const { status, body } = await ann.call('POST', '/api/feishu/bots', { ...NEW, appId: named, handler: 'sales' })
    expect(status).toBe(201)
    const path = `/api/feishu/bots/${(body as { id: string }).id}`
    expect(await ann.call('PATCH', path, { handler: 'support' })).toMatchObject(refused)
    expect(await admins.call('PATCH', path, { handler: 'support' })).toMatchObject({ status: 200 })
    expect(await ann.call('PATCH', path, { handler: 'support', name: 'Ada' })).toMatchObject({ status: 200 })
    expect(await ann.call('PATCH', path, { handler: 'default' })).toMatchObject({ status: 200 })
  })

  it('named default is given by everybody, unless it has owners', async () => {
    const owned = await startedSupervisor(test, { handlerOwners: { default: ['ann'] } })
    const ben = new Client(owned, (await owned.createToken({ owner: 'ben' })).token)
    expect(await ben.call('POST', '/api/feishu/bots', { ...NEW, appId: named })).toMatchObject({
      status: 403,
      body: { error: expect.stringContaining('handler: "default"') },
    })
  })
})

describe('a user who changes limits of a bot', () => {
  const limitsOf = async (): Promise<unknown> => (await admin.call('GET', `/api/feishu/bots/${botId}`)).body

  it('may tighten them, and not loosen them again: an admin can', async () => {
    const ann = new Client(supervisor, await tokenOf({ owner: 'ann' }))
    const change = (client: Client, limits: object) => client.call('PATCH', `/api/feishu/bots/${botId}`, { limits })
    expect(await change(ann, { handlerTimeoutMs: 5_000, maxAgeMs: 60_000 })).toMatchObject({ status: 200 })
    const before = await limitsOf()
    for (const limits of [
      { handlerTimeoutMs: 5_001 },
      { handlerTimeoutMs: null },
      { maxAgeMs: 0 },
      { repliesPerSecond: 51 },
      { inboundBurst: 100_000, inboundPerSecond: 1 },
    ]) {
      const [field] = Object.keys(limits)
      expect(await change(ann, limits)).toMatchObject({
        status: 403,
        body: { error: expect.stringContaining(`limits.${field}: `) },
      })
    }
    expect(await limitsOf()).toEqual(before)
    expect(await change(ann, { handlerTimeoutMs: 4_000, repliesPerSecond: null })).toMatchObject({ status: 200 })
    expect(await change(admin, { handlerTimeoutMs: null, maxAgeMs: null })).toMatchObject({ status: 200 })
  })

  it('may add none with more than the options allow', async () => {
    const ann = new Client(supervisor, await tokenOf({ owner: 'ann' }))
    const bot = { appId: 'cli_00000000000000a1', appSecret: 'fake', limits: { handlerTimeoutMs: 600_000 } }
    expect(await ann.call('POST', '/api/feishu/bots', bot)).toMatchObject({
      status: 403,
      body: { error: expect.stringContaining('limits.handlerTimeoutMs: 60000 holds now') },
    })
  })
})

describe('API tokens', () => {
  it('are shown once, listed without their secret, and revoked', async () => {
    const made = await admin.call('POST', '/api/feishu/tokens', { owner: 'eve', name: 'laptop', expiresInDays: 1 })
    expect(made).toMatchObject({
      status: 201,
      body: { owner: 'eve', role: 'user', scopes: ['read', 'write'], token: expect.stringMatching(/^fs_/) },
    })
    const { id, token } = made.body as { id: string; token: string }
    const eve = new Client(supervisor, token)
    expect(await eve.call('GET', '/api/feishu/bots')).toMatchObject({ status: 200 })
    const listed = await (await admin.send('GET', '/api/feishu/tokens')).text()
    expect(listed).toContain(id)
    expect(listed).not.toContain(token.slice(-20))
    expect(await admin.call('DELETE', `/api/feishu/tokens/${id}`)).toMatchObject({ status: 200 })
    expect(await eve.call('GET', '/api/feishu/bots')).toMatchObject({ status: 401 })
    expect(await admin.call('DELETE', `/api/feishu/tokens/${id}`)).toMatchObject({ status: 404 })
  })

  it.each<[string, object]>([
    ['owner', {}],
    ['owner', { owner: 'a b' }],
    ['role', { owner: 'a', role: 'root' }],
    ['scopes', { owner: 'a', scopes: ['all'] }],
    ['expiresInDays', { owner: 'a', expiresInDays: -1 }],
    ['secret', { owner: 'a', secret: 'x' }],
  ])('with a bad %s are refused by name', async (field, token) => {
    expect(await admin.call('POST', '/api/feishu/tokens', token)).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining(field) },
    })
  })

  it('leave in the audit log who did what, and no secret', async () => {
    await admin.call('PATCH', `/api/feishu/bots/${botId}`, { encryptKey: 'canary-encrypt-key' })
    await admin.call('POST', '/api/feishu/bots', { ...ADA, appSecret: 'canary-app-secret' })
    const { body } = await admin.call('GET', '/api/feishu/audit?limit=2')
    expect(body).toMatchObject({
      items: [
        { actor: 'admin (configured)', action: 'bot.add', error: 'BOT_EXISTS' },
        { actor: 'admin (configured)', action: 'bot.change', subject: botId, fields: ['encryptKey'] },
      ],
      limit: 2,
    })
    expect(JSON.stringify(body)).not.toContain('canary')
  })
})

it('takes the word of a host that checks by itself', async () => {
  const host = await startedSupervisor(test, {
    apiToken: undefined,
    authorize: (request) => {
      const owner = request.headers.get('x-user')
      return owner === null ? null : { id: 'session', owner, role: 'user', scopes: ['read', 'write'] }
    },
  })
  const nobody = new Client(host, API_TOKEN)
  expect(await nobody.call('GET', '/api/feishu/bots')).toMatchObject({ status: 401 })
  const answer = await nobody.send('POST', '/api/feishu/bots', { ...ADA }, { 'x-user': 'carol' })
  expect(await answer.json()).toMatchObject({ owner: 'carol' })
})
