import { describe, expect, it } from 'vitest'
import { entryOf } from '../../src/simulator/history/history.ts'
import type { FeishuSimulator } from '../../src/simulator/simulator.ts'
import { post, SOON_MS, sdkClient, startSimulator, type TestApp } from '../support/simulator.ts'

const TOKEN_PATH = '/open-apis/auth/v3/tenant_access_token/internal'

function hello(uuid?: string) {
  return { msg_type: 'text', content: '{"text":"hello"}', ...(uuid && { uuid }) }
}

function receive(simulator: FeishuSimulator, { appId }: TestApp): string {
  return simulator.sendText({ appId, chatId: 'oc_1', text: 'hi', userId: 'tom' }).messageId
}

async function authorize(url: string, app: TestApp): Promise<Record<string, string>> {
  const { body } = await post(url + TOKEN_PATH, { app_id: app.appId, app_secret: app.appSecret })
  return { authorization: `Bearer ${String(body['tenant_access_token'])}` }
}

describe('tokens', () => {
  it('issues a token and reuses it', async () => {
    const { simulator, url, app } = await startSimulator()
    const credentials = { app_id: app.appId, app_secret: app.appSecret }
    const first = await post(url + TOKEN_PATH, credentials)
    expect(first).toMatchObject({ status: 200, body: { code: 0, msg: 'ok', expire: 7200 } })
    const second = await post(url + TOKEN_PATH, credentials)
    expect(second.body['tenant_access_token']).toBe(first.body['tenant_access_token'])
    expect(simulator.history.entries.filter(entryOf('token_issued')).map(({ reused }) => reused)).toEqual([false, true])
  })

  it.each([
    ['a wrong secret', { app_secret: 'wrong' }, 10014],
    ['an unknown app', { app_id: 'cli_ffffffffffffffff' }, 10003],
    ['no app', { app_id: undefined }, 10003],
  ])('refuses %s', async (_name, change, code) => {
    const { url, app } = await startSimulator()
    const answer = await post(url + TOKEN_PATH, { app_id: app.appId, app_secret: app.appSecret, ...change })
    expect(answer).toMatchObject({ status: 400, body: { code, error: { log_id: answer.headers.get('x-tt-logid') } } })
  })

  it('refuses calls without a token and with a revoked one', async () => {
    const { simulator, url, app } = await startSimulator()
    const path = `${url}/open-apis/im/v1/messages/${receive(simulator, app)}/reply`
    expect(await post(path, hello())).toMatchObject({ status: 400, body: { code: 99991661 } })
    const headers = await authorize(url, app)
    expect(await post(path, hello(), headers)).toMatchObject({ status: 200 })
    simulator.revokeTokens(app.appId)
    expect(await post(path, hello(), headers)).toMatchObject({ status: 400, body: { code: 99991663 } })
    const fresh = await authorize(url, app)
    expect(fresh).not.toEqual(headers)
    expect(await post(path, hello(), fresh)).toMatchObject({ status: 200 })
    const codes = simulator.history.entries.filter(entryOf('reply_received')).map(({ code }) => code)
    expect(codes).toEqual([99991661, 0, 99991663, 0])
  })
})

describe('messages with the official SDK', () => {
  it('shows one message for two replies with the same uuid', async () => {
    const { simulator, url, app } = await startSimulator()
    const client = sdkClient(url, app)
    const messageId = receive(simulator, app)
    const reply = () => client.im.v1.message.reply({ path: { message_id: messageId }, data: hello('u-1') })
    const first = await reply()
    const second = await reply()
    expect(first).toMatchObject({
      code: 0,
      data: {
        chat_id: 'oc_1',
        parent_id: messageId,
        root_id: messageId,
        msg_type: 'text',
        deleted: false,
        updated: false,
        body: { content: '{"text":"hello"}' },
        sender: { id: app.appId, id_type: 'app_id', sender_type: 'app' },
      },
    })
    expect(second.data?.message_id).toBe(first.data?.message_id)
    const received = simulator.history.entries.filter(entryOf('reply_received'))
    expect(received.map(({ repeated, uuid }) => [repeated, uuid])).toEqual([
      [false, 'u-1'],
      [true, 'u-1'],
    ])
    const created = simulator.history.entries.filter(entryOf('message_created'))
    expect(created).toHaveLength(1)
    expect(created[0]).toMatchObject({ replyTo: messageId, messageId: first.data?.message_id })
  })

  it('keeps the uuids of two apps apart', async () => {
    const { simulator, url, app } = await startSimulator()
    const other = { ...app, appId: 'cli_00000000000000ee' }
    simulator.addApp(other)
    for (const one of [app, other]) {
      const path = { message_id: receive(simulator, one) }
      await sdkClient(url, one).im.v1.message.reply({ path, data: hello('u-1') })
    }
    expect(simulator.history.entries.filter(entryOf('message_created'))).toHaveLength(2)
  })

  it.each([
    ['chat_id', 'oc_1'],
    ['user_id', 'tom'],
  ] as const)('creates a message by %s', async (receive_id_type, receive_id) => {
    const { simulator, url, app } = await startSimulator()
    receive(simulator, app)
    const answer = await sdkClient(url, app).im.v1.message.create({
      params: { receive_id_type },
      data: { receive_id, ...hello() },
    })
    expect(answer).toMatchObject({ code: 0, data: { chat_id: 'oc_1' } })
    expect(answer.data?.root_id).toBeUndefined()
    const created = await simulator.once(entryOf('message_created'), SOON_MS)
    expect(created).toMatchObject({ chatId: 'oc_1', msgType: 'text' })
    expect(created.replyTo).toBeUndefined()
  })

  it('answers bot info, also to a GET with a body', async () => {
    const { url, app } = await startSimulator()
    const answer = await sdkClient(url, app).request({ url: '/open-apis/bot/v3/info', method: 'GET', data: {} })
    expect(answer).toMatchObject({ code: 0, bot: { app_name: 'Helper', activate_status: 2 } })
  })
})

describe('messages', () => {
  it.each([
    ['a reply to an unknown message', '/om_unknown/reply', hello(), 99992354],
    ['a message without receive_id_type', '', { receive_id: 'oc_1', ...hello() }, 99992402],
    ['a message to an unknown chat', '?receive_id_type=chat_id', { receive_id: 'oc_2', ...hello() }, 230034],
  ])('refuses %s', async (_name, path, body, code) => {
    const { simulator, url, app } = await startSimulator()
    receive(simulator, app)
    const answer = await post(`${url}/open-apis/im/v1/messages${path}`, body, await authorize(url, app))
    expect(answer).toMatchObject({ status: 400, body: { code, error: { log_id: answer.headers.get('x-tt-logid') } } })
    expect(await simulator.once(entryOf('reply_received'), SOON_MS)).toMatchObject({ code, repeated: false })
    expect(simulator.history.entries.filter(entryOf('message_created'))).toEqual([])
  })

  it('answers unknown routes with 404', async () => {
    const { url } = await startSimulator()
    expect(await post(`${url}/open-apis/nothing`, {})).toMatchObject({ status: 404, body: { code: 404 } })
  })
})
