import { beforeAll, describe, expect, it } from 'vitest'
import type { FeishuSupervisor } from '../../src/index.ts'
import type { LaunchedSimulator } from '../../src/simulator/launch.ts'
import { ADA, addConnected, API_TOKEN, BEN, eventOf } from '../support/system.ts'
import { Client, shared, startedSupervisor } from '../support/http.ts'

const { file } = shared()
let simulator: LaunchedSimulator
let supervisor: FeishuSupervisor
let api: Client

const GHOST = { appId: 'cli_00000000000000cc', appSecret: 'canary-secret-of-ghost' }

beforeAll(async () => {
  simulator = await file.simulator()
  supervisor = await startedSupervisor(file, { maxConnections: 2, allowedDomains: [simulator.url] })
  api = new Client(supervisor)
})

/** A bot as the API shows it. */
async function add(bot: object): Promise<{ id: string } & Record<string, unknown>> {
  const { status, body } = await api.call('POST', '/api/feishu/bots', bot)
  expect({ status, body }).toMatchObject({ status: 201 })
  return body as { id: string }
}

const path = (id: string, more = ''): string => `/api/feishu/bots/${id}${more}`

function connected(id: string): Promise<void> {
  return eventOf(supervisor, 'bot', ({ botId, connection }) => botId === id && connection.state === 'connected')
}

describe('a bot over HTTP', () => {
  it('is added in webhook mode, shown without its secrets, connected, disconnected and removed', async () => {
    const bot = await add({ ...ADA, encryptKey: 'canary-encrypt', domain: `${simulator.url}/` })
    expect(bot).toEqual({
      id: expect.stringMatching(/^bot_[0-9a-f]{16}$/),
      name: 'Ada',
      appId: ADA.appId,
      domain: simulator.url,
      owner: 'admin',
      enabled: true,
      useWebSocket: false,
      isolation: 'thread',
      handler: 'default',
      limits: {},
      policy: {},
      openId: null,
      hasWebhookKeys: false,
      wsConnectionState: 'disconnected',
      error: expect.stringContaining('verificationToken'),
      createdAt: expect.stringMatching(/Z$/),
    })
    const { id } = bot
    expect(await api.call('GET', path(id, '/ws/status'))).toMatchObject({ body: { botId: id, state: 'disconnected' } })

    const open = connected(id)
    expect(await api.call('POST', path(id, '/ws/connect'))).toEqual({
      status: 200,
      body: { success: true, botId: id, status: 'connecting' },
    })
    await open
    expect(await api.call('GET', path(id, '/ws/status'))).toMatchObject({
      status: 200,
      body: { botId: id, state: 'connected', connectedAt: expect.stringMatching(/Z$/) },
    })
    expect(await api.call('GET', '/api/feishu/ws/status')).toMatchObject({
      body: { connections: [{ botId: id, state: 'connected' }] },
    })
    expect(await api.call('GET', path(id))).toMatchObject({
      status: 200,
      body: { useWebSocket: true, wsConnectionState: 'connected' },
    })

    expect(await api.call('POST', path(id, '/ws/disconnect'))).toEqual({
      status: 200,
      body: { success: true, botId: id, status: 'disconnected' },
    })
    expect(await api.call('GET', path(id, '/ws/status'))).toMatchObject({ body: { state: 'disconnected' } })
    // Neither a change nor a new worker makes it connect.
    const openings = async (): Promise<number> =>
      (await simulator.client.history()).filter(({ kind }) => kind === 'connection_opened').length
    const before = await openings()
    await api.call('PATCH', path(id), { name: 'Ada again' })
    const ready = eventOf(supervisor, 'bot', ({ child }) => child.incarnation === 2 && child.state === 'running')
    await api.call('POST', path(id, '/restart'))
    await ready
    await api.call('PATCH', path(id), { name: 'Ada' })
    expect(await openings()).toBe(before)
    const listed = await (await api.send('GET', '/api/feishu/bots')).text()
    expect(listed).not.toMatch(/canary|fake-secret|"appSecret|"encryptKey/)

    expect(await api.call('DELETE', path(id))).toEqual({ status: 200, body: { success: true, botId: id } })
    expect(await api.call('GET', path(id))).toEqual({ status: 404, body: { success: false, error: 'Bot not found' } })
    expect(await api.call('DELETE', path(id))).toMatchObject({ status: 404 })
  })

  it('changes mode, name and state with one PATCH each, live', async () => {
    const { id } = await add({ ...BEN, domain: simulator.url })
    const open = connected(id)
    expect(await api.call('PATCH', path(id), { useWebSocket: true, name: 'Benjamin' })).toMatchObject({
      status: 200,
      body: { name: 'Benjamin', useWebSocket: true },
    })
    await open
    expect(await api.call('PATCH', path(id), { enabled: false })).toMatchObject({
      status: 200,
      body: { enabled: false, wsConnectionState: 'disconnected', error: 'the bot is disabled' },
    })
    expect(await api.call('POST', path(id, '/ws/connect'))).toEqual({
      status: 400,
      body: { success: false, error: 'Bot not found or disabled' },
    })
    const again = connected(id)
    await api.call('PATCH', path(id), { enabled: true })
    await again
    // An open connection does not need the secret any more, the next one does.
    await api.call('PATCH', path(id), { appSecret: 'fake-wrong-secret' })
    const refused = eventOf(supervisor, 'bot', ({ botId, connection }) => botId === id && connection.state === 'failed')
    await api.call('POST', path(id, '/ws/disconnect'))
    await api.call('POST', path(id, '/ws/connect'))
    await refused
    expect(await api.call('GET', path(id, '/ws/status'))).toMatchObject({ body: { state: 'error' } })
    const mended = connected(id)
    await api.call('PATCH', path(id), { appSecret: BEN.appSecret })
    await mended
    await api.call('DELETE', path(id))
  })

  it('gets a new worker, and its connection with it', async () => {
    const incarnation = (wanted: number): Promise<void> =>
      eventOf(
        supervisor,
        'bot',
        ({ bot, child, connection }) =>
          bot.appId === BEN.appId && child.incarnation === wanted && connection.state === 'connected',
      )
    const first = incarnation(1)
    const { id } = await add({ ...BEN, domain: simulator.url, useWebSocket: true })
    await first
    const again = incarnation(2)
    expect(await api.call('POST', path(id, '/restart'))).toEqual({ status: 200, body: { success: true, botId: id } })
    await again
    await api.call('PATCH', path(id), { enabled: false })
    expect(await api.call('POST', path(id, '/restart'))).toMatchObject({ status: 404 })
    await api.call('DELETE', path(id))
  })

  it('gets no connection above the limit, and the one that becomes free', async () => {
    const [first, second, third] = await Promise.all(
      ['1', '2', '3'].map((digit) => add({ ...GHOST, appId: `cli_000000000000000${digit}`, domain: simulator.url })),
    )
    const answers = await Promise.all(
      [first, second, third].map((bot) => api.call('POST', path(bot?.id ?? '', '/ws/connect'))),
    )
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 200, 409])
    expect(answers.find(({ status }) => status === 409)?.body).toEqual({
      success: false,
      error: expect.stringContaining('maxConnections'),
    })
    const loser = [first, second, third][answers.findIndex(({ status }) => status === 409)]
    expect(await api.call('GET', path(loser?.id ?? ''))).toMatchObject({ body: { useWebSocket: false } })
    const winner = [first, second, third].find((bot) => bot !== loser)
    await api.call('POST', path(winner?.id ?? '', '/ws/disconnect'))
    expect(await api.call('POST', path(loser?.id ?? '', '/ws/connect'))).toMatchObject({ status: 200 })
    for (const bot of [first, second, third]) await api.call('DELETE', path(bot?.id ?? ''))
  })

  it.each<[string, object, string]>([
    ['a bad app id', { appId: 'cli_1' }, 'appId: expected cli_'],
    ['no secret', { appSecret: undefined }, 'appSecret: '],
    ['an unknown key', { canary: 1 }, 'canary'],
    ['a field that is not its to set', { id: 'bot_1' }, 'id'],
    ['a domain that is not allowed', { domain: 'http://169.254.169.254' }, 'FS_ALLOWED_DOMAINS'],
    ['a domain that only begins like one', { domain: 'https://open.feishu.cn.evil.example' }, 'FS_ALLOWED_DOMAINS'],
    ['a file for a domain', { domain: 'file:///etc/passwd' }, 'domain: '],
    ['a mode that is no boolean', { useWebSocket: 'yes' }, 'useWebSocket: '],
  ])('with %s is refused by name', async (_what, more, text) => {
    const { status, body } = await api.call('POST', '/api/feishu/bots', { ...GHOST, ...more })
    expect({ status, body }).toEqual({ status: 400, body: { success: false, error: expect.stringContaining(text) } })
    expect(JSON.stringify(body)).not.toContain(GHOST.appSecret)
  })

  it('is refused when its body is no JSON, or of another type', async () => {
    for (const [type, status] of [
      ['application/json', 400],
      ['text/plain', 415],
    ] as const) {
      const answer = await supervisor.fetch(
        new Request('http://localhost/api/feishu/bots', {
          method: 'POST',
          body: '{"a',
          headers: { authorization: `Bearer ${API_TOKEN}`, 'content-type': type },
        }),
      )
      expect(answer.status).toBe(status)
      expect(await answer.json()).toEqual({ success: false, error: expect.stringMatching(/^body: /) })
    }
  })

  it('with the app id of another is refused', async () => {
    const { id } = await add(GHOST)
    expect(await api.call('POST', '/api/feishu/bots', GHOST)).toMatchObject({ status: 409 })
    expect(await api.call('PATCH', path(id), {})).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining('nothing to change') },
    })
    expect(await api.call('PATCH', path(id), { appId: ADA.appId })).toMatchObject({ status: 400 })
    await api.call('DELETE', path(id))
  })

  it('is one of a page', async () => {
    const { body } = await api.call('GET', '/api/feishu/bots')
    for (const { id } of (body as { items: { id: string }[] }).items) await api.call('DELETE', path(id))
    const ids: string[] = []
    for (const digit of ['4', '5', '6']) ids.push((await add({ ...GHOST, appId: `cli_000000000000000${digit}` })).id)
    expect(await api.call('GET', '/api/feishu/bots?page=2&limit=2')).toMatchObject({
      status: 200,
      body: { items: [{ id: ids[2] }], page: 2, limit: 2, total: 3 },
    })
    for (const query of ['limit=0', 'limit=101', 'page=0', 'page=x', 'offset=1']) {
      expect(await api.call('GET', `/api/feishu/bots?${query}`)).toMatchObject({ status: 400 })
    }
    for (const id of ids) await api.call('DELETE', path(id))
  })

  it.each(['POST connect', 'POST disconnect'])('that is missing: %s answers 400', async (call) => {
    const [method = '', verb = ''] = call.split(' ')
    expect(await api.call(method, path('bot_none', `/ws/${verb}`))).toEqual({
      status: 400,
      body: { success: false, error: 'Bot not found or disabled' },
    })
  })
})

it('stays disconnected over a restart when somebody disconnected it, and connected otherwise', async () => {
  const options = { dataDir: await file.dataDir(), allowedDomains: [simulator.url] }
  const before = await startedSupervisor(file, options)
  const ids = []
  for (const app of [ADA, BEN]) ids.push(await addConnected(before, app, simulator.url))
  const [adaId = '', benId = ''] = ids
  await new Client(before).call('POST', path(adaId, '/ws/disconnect'))
  await before.stop(1_000)

  const after = file.supervisor(options)
  const back = eventOf(after, 'bot', ({ botId, connection }) => botId === benId && connection.state === 'connected')
  await after.start()
  await back
  expect(await new Client(after).call('GET', '/api/feishu/ws/status')).toMatchObject({
    body: {
      connections: [
        { botId: adaId, state: 'disconnected' },
        { botId: benId, state: 'connected' },
      ],
    },
  })
})
