import { describe, expect, it } from 'vitest'
import { SimulatorClient } from '../../src/simulator/control/client.ts'
import { entryOf, type HistoryEntry } from '../../src/simulator/history/history.ts'
import { closeLater, post, SOON_MS, sdkClient, startSimulator } from '../support/simulator.ts'

async function startWithClient() {
  const started = await startSimulator({ limits: { perChat: 0 } })
  return { ...started, client: new SimulatorClient(started.url) }
}

describe('control API', () => {
  it('sends a message as curl would, and shows it in the history', async () => {
    const { url, app, client } = await startWithClient()
    const answer = await fetch(`${url}/_simulator/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: JSON.stringify({ appId: app.appId, chatId: 'oc_demo', text: 'hi' }),
    })
    expect(answer.status).toBe(201)
    const sent = await answer.json()
    const history = await client.history()
    expect(history.map(({ kind }) => kind)).toEqual(['sent', 'push_failed'])
    expect(history[0]).toMatchObject({ seq: 1, text: 'hi', index: 0, ...(sent as object) })
    expect(await client.history(1)).toMatchObject([{ seq: 2, kind: 'push_failed' }])
  })

  it.each([
    ['messages', { chatId: 'oc_1', text: 'hi' }, 'appId must be a non-empty string'],
    ['messages', { appId: 'cli_ffffffffffffffff', chatId: 'oc_1', text: 'hi' }, 'is unknown'],
    ['messages', [], 'the body must be a JSON object'],
    ['apps', { appId: 'cli_1', appSecret: 's', name: 'n' }, 'app id must be "cli_" and 16 hex digits'],
    ['traffic', { chats: [], count: 1, perSecond: 1 }, 'chats must be a non-empty list'],
    ['traffic', { chats: [{ appId: 'a' }], count: 1, perSecond: 1 }, 'chatId must be a non-empty string'],
    ['faults', { kind: 'meteor' }, 'kind must be one of'],
  ])('refuses bad input of /%s and says why', async (path, body, why) => {
    const { url } = await startWithClient()
    const answer = await post(`${url}/_simulator/${path}`, body)
    expect(answer.status).toBe(400)
    expect(answer.body['error']).toContain(why)
  })

  it('rejects in the client with what the simulator said', async () => {
    const { client } = await startWithClient()
    const call = client.sendText({ appId: 'cli_ffffffffffffffff', chatId: 'oc_1', text: 'hi' })
    await expect(call).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('is unknown') })
  })

  it('injects faults', async () => {
    const { simulator, app, client } = await startWithClient()
    const fault = { kind: 'fail_next', call: 'reply', appId: app.appId, count: 2, retryAfterMs: 100 } as const
    await client.inject(fault)
    expect(await simulator.once(entryOf('fault'), SOON_MS)).toMatchObject({ fault })
  })

  it('adds apps', async () => {
    const { simulator, client } = await startWithClient()
    const appId = 'cli_00000000000000aa'
    await client.addApp({ appId, appSecret: 's', name: 'Second' })
    expect(simulator.sendText({ appId, chatId: 'oc_1', text: 'hi' }).messageId).toMatch(/^om_/)
  })

  it('follows the history, old entries and new ones', async () => {
    const { simulator, app, client } = await startWithClient()
    const message = { appId: app.appId, chatId: 'oc_1', text: 'one' }
    simulator.sendText(message)
    const followed: HistoryEntry[] = []
    await new Promise<void>((resolve) => {
      const stop = client.follow((entry) => {
        followed.push(entry)
        if (entry.seq === 1) simulator.sendText({ ...message, text: 'two' })
        if (entry.seq === 4) resolve()
      })
      closeLater(stop)
    })
    expect(followed).toEqual(simulator.history.entries)
  })
})

describe('traffic', () => {
  it('sends every text, in turn over the chats, at the given pace', async () => {
    const { simulator, app, client } = await startWithClient()
    const chats = ['oc_a', 'oc_b'].map((chatId) => ({ appId: app.appId, chatId }))
    const startedAt = performance.now()
    const { id, done } = simulator.startTraffic({ chats, count: 5, intervalMs: 10, textPrefix: 'n' })
    expect(simulator.trafficProgress(id)).toMatchObject({ id, count: 5, isDone: false })
    expect(await done).toMatchObject({ sentCount: 5, isDone: true })
    expect(await client.trafficProgress(id)).toMatchObject({ id, count: 5, isDone: true })
    const endedAt = performance.now()
    const sent = simulator.history.entries.filter(entryOf('sent'))
    expect(sent.map(({ chatId, text, index }) => [chatId, text, index])).toEqual([
      ['oc_a', 'n 0', 0],
      ['oc_b', 'n 1', 0],
      ['oc_a', 'n 2', 1],
      ['oc_b', 'n 3', 1],
      ['oc_a', 'n 4', 2],
    ])
    expect(endedAt - startedAt).toBeGreaterThanOrEqual(40)
  })

  it('needs a pace', async () => {
    const { simulator, app } = await startSimulator()
    const chats = [{ appId: app.appId, chatId: 'oc_a' }]
    expect(() => simulator.startTraffic({ chats, count: 1, perSecond: 0 })).toThrow('perSecond above 0')
  })

  it('ends with the simulator', async () => {
    const { simulator, app } = await startSimulator()
    const chats = [{ appId: app.appId, chatId: 'oc_a' }]
    const { done } = simulator.startTraffic({ chats, count: 1000, perSecond: 1 })
    await simulator.stop()
    expect(await done).toMatchObject({ sentCount: 1, count: 1000 })
  })
})

describe('waitForReplies', () => {
  it('waits until all messages of running traffic are answered', async () => {
    const { simulator, url, app, client } = await startWithClient()
    const sdk = sdkClient(url, app)
    simulator.history.subscribe((entry) => {
      if (entry.kind !== 'sent') return
      const data = { msg_type: 'text', content: '{"text":"re"}' }
      void sdk.im.v1.message.reply({ path: { message_id: entry.messageId }, data })
    })
    const chats = [{ appId: app.appId, chatId: 'oc_a' }]
    await client.startTraffic({ chats, count: 20, perSecond: 200 })
    expect(await client.waitForReplies({ count: 3, timeoutMs: SOON_MS })).toMatchObject({ isComplete: true })
    const progress = await client.waitForReplies({ timeoutMs: SOON_MS })
    expect(progress).toEqual({ isComplete: true, repliedCount: 20, unansweredCount: 0 })
    expect(await client.summary()).toMatchObject({ sent: 20, replied: 20, lost: 0, duplicated: 0 })
  })

  it('says what is missing after its deadline', async () => {
    const { simulator, app } = await startSimulator()
    simulator.sendText({ appId: app.appId, chatId: 'oc_a', text: 'hi' })
    const progress = await simulator.waitForReplies({ timeoutMs: 20 })
    expect(progress).toEqual({ isComplete: false, repliedCount: 0, unansweredCount: 1 })
  })

  it('ends with the simulator', async () => {
    const { simulator, app } = await startSimulator()
    simulator.sendText({ appId: app.appId, chatId: 'oc_a', text: 'hi' })
    const waiting = simulator.waitForReplies({ timeoutMs: 60_000 })
    await simulator.stop()
    expect(await waiting).toMatchObject({ isComplete: false, unansweredCount: 1 })
  })
})
