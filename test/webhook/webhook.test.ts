import { beforeAll, describe, expect, it } from 'vitest'
import type { FeishuSupervisor } from '../../src/index.ts'
import { checkHistory } from '../../src/simulator/history/check-history.ts'
import type { LaunchedSimulator } from '../../src/simulator/launch.ts'
import { toLegacyAnswer } from '../../src/webhook/legacy-card.ts'
import { Client, shared, startedSupervisor } from '../support/http.ts'
import { ADA, BEN, eventOf } from '../support/system.ts'
import { encrypted, headersOf, KEYS, LEGACY_CARD, messageEnvelope, sign, signCard } from '../support/webhook.ts'

const { file } = shared()
let simulator: LaunchedSimulator
let supervisor: FeishuSupervisor
let adaId: string

beforeAll(async () => {
  simulator = await file.simulator()
  supervisor = await startedSupervisor(file)
  const bot = { ...ADA, ...KEYS, domain: simulator.url, useWebSocket: false }
  adaId = (await supervisor.addBot(bot)).id
})

async function post(
  body: string | ReadableStream,
  headers: Record<string, string> = {},
  path = `/api/feishu/webhook/${ADA.appId}`,
): Promise<{ status: number; body: unknown }> {
  const init = { method: 'POST', body, headers, duplex: 'half' as const }
  const response = await supervisor.fetch(new Request(`http://localhost${path}`, init))
  return { status: response.status, body: await response.json() }
}

/** Pushes as Feishu does. */
async function push(envelope: object): Promise<{ status: number; body: unknown }> {
  const body = encrypted(JSON.stringify(envelope))
  return await post(body, headersOf(sign(body)))
}

async function stored(): Promise<number> {
  return (await supervisor.listMessages({ botIds: null, limit: 1, offset: 0 })).total
}

describe('a bot in webhook mode', () => {
  it('answers the check of its URL', async () => {
    const body = encrypted(
      JSON.stringify({ type: 'url_verification', challenge: 'c-1', token: KEYS.verificationToken }),
    )
    expect(await post(body)).toEqual({ status: 200, body: { challenge: 'c-1' } })
  })

  it('H2: takes an event once and replies without a long connection, however often it is pushed', async () => {
    const ids = await simulator.client.sendText({ appId: ADA.appId, chatId: 'oc_1', text: 'hello' })
    const envelope = messageEnvelope(ADA.appId, ids)
    const replied = eventOf(supervisor, 'message', ({ stage }) => stage === 'replied')
    const body = encrypted(JSON.stringify(envelope))
    const headers = headersOf(sign(body))
    expect(await post(body, headers)).toEqual({ status: 200, body: {} })
    await replied
    const count = await stored()
    // The very same request, one signed anew, and one that Feishu gave another event id.
    expect(await post(body, headers)).toEqual({ status: 200, body: {} })
    expect(await push(envelope)).toEqual({ status: 200, body: {} })
    expect(await push(messageEnvelope(ADA.appId, { ...ids, eventId: 'ev_again' }))).toEqual({ status: 200, body: {} })
    expect(await stored()).toBe(count)
    expect(checkHistory(await simulator.client.history())).toMatchObject({ replied: 1, duplicated: 0 })
    const { body: status } = await new Client(supervisor).call('GET', `/api/feishu/bots/${adaId}`)
    expect(status).toMatchObject({ useWebSocket: false, hasWebhookKeys: true, wsConnectionState: 'disconnected' })
    expect(status).not.toHaveProperty('error')
  })

  it('H3: takes what comes in pieces, a character torn between two of them', async () => {
    const envelope = messageEnvelope(ADA.appId, { messageId: 'om_torn', eventId: 'ev_torn', text: '中文' })
    const bytes = Buffer.from(JSON.stringify(envelope))
    const torn = new ReadableStream({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte))
        controller.close()
      },
    })
    expect(await post(torn, headersOf(sign(bytes)))).toEqual({ status: 200, body: {} })
    const [message] = (await supervisor.listMessages({ botIds: [adaId], limit: 1, offset: 0 })).items
    expect((await supervisor.getMessage(message?.eventId ?? 0))?.payload).toContain('中文')
  })

  it('keeps no Verification Token with its events', async () => {
    const [message] = (await supervisor.listMessages({ botIds: [adaId], limit: 1, offset: 0 })).items
    const { payload } = (await supervisor.getMessage(message?.eventId ?? 0)) ?? { payload: '' }
    expect(payload).toContain('im.message.receive_v1')
    expect(payload).not.toContain(KEYS.verificationToken)
  })

  it('answers a press on a card in the response', async () => {
    const { header } = messageEnvelope(ADA.appId, { messageId: 'om_c', eventId: 'ev_card' }) as { header: object }
    const answer = await push({
      schema: '2.0',
      header: { ...header, event_type: 'card.action.trigger' },
      event: { operator: { open_id: 'ou_1' }, token: 'c-1', action: { tag: 'button', value: {} }, context: {} },
    })
    expect(answer).toEqual({ status: 200, body: expect.any(Object) })
  })
})

it('answers a press on a card in the older form with the new card alone', async () => {
  const body = JSON.stringify(LEGACY_CARD)
  const count = await stored()
  expect(await post(body, headersOf(signCard(body)))).toEqual({ status: 200, body: {} })
  expect(await stored()).toBe(count + 1)
  expect(
    toLegacyAnswer({ card: { type: 'raw', data: { elements: [] } }, toast: { type: 'info', content: 'x' } }),
  ).toEqual({
    elements: [],
  })
})

describe('H1: whoever is not Feishu', () => {
  const body = encrypted(JSON.stringify(messageEnvelope(ADA.appId, { messageId: 'om_forged', eventId: 'ev_f' })))
  const signed = headersOf(sign(body))

  it.each<[string, string, Record<string, string>, string]>([
    ['without a signature', body, {}, ADA.appId],
    ['with the signature of another bot', body, headersOf(sign(body, Date.now(), 'key-of-another')), ADA.appId],
    ['at an app that is not here', body, signed, 'cli_00000000000000ff'],
    ['at an app with no keys', body, signed, BEN.appId],
    ['with ciphertext of nothing', '{"encrypt":"AAAA"}', {}, ADA.appId],
    ['with a scalar', '42', {}, ADA.appId],
    ['with nothing', '', {}, ADA.appId],
  ])('%s gets the same 401 and stores nothing', async (_how, bytes, headers, appId) => {
    const { id } = await supervisor.addBot({ ...BEN, domain: simulator.url, useWebSocket: false })
    const count = await stored()
    expect(await post(bytes, headers, `/api/feishu/webhook/${appId}`)).toEqual({
      status: 401,
      body: { success: false, error: 'Unauthorized' },
    })
    expect(await stored()).toBe(count)
    await supervisor.removeBot(id)
  })

  it('gets nowhere by another method or path', async () => {
    for (const [method, path] of [
      ['GET', `/api/feishu/webhook/${ADA.appId}`],
      ['PUT', `/api/feishu/webhook/${ADA.appId}`],
      ['POST', `/api/feishu/webhook/${ADA.appId}/x`],
      ['POST', '/api/feishu/webhook'],
    ] as const) {
      const init = { method, headers: signed, ...(method === 'GET' ? {} : { body }) }
      const response = await supervisor.fetch(new Request(`http://localhost${path}`, init))
      expect({ method, path, status: response.status }).toEqual({ method, path, status: 404 })
    }
  })

  it('cannot send more than any event has, nor a compressed body', async () => {
    const chunk = new Uint8Array(65_536)
    let sentBytes = 0
    const endless = new ReadableStream({
      pull(controller) {
        sentBytes += chunk.length
        controller.enqueue(chunk)
      },
    })
    expect(await post(endless)).toMatchObject({ status: 413 })
    expect(sentBytes).toBeLessThan(3_000_000)
    expect(await post(body, { ...signed, 'content-encoding': 'gzip' })).toMatchObject({ status: 415 })
  })

  it('is cut off when it takes too long', async () => {
    const slow = new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(1)) })
    expect(await post(slow)).toMatchObject({ status: 408 })
  })
})

it('loses and doubles nothing when a bot is switched from one mode to the other and back', async () => {
  const api = new Client(supervisor)
  const connected = (): Promise<void> =>
    eventOf(supervisor, 'bot', ({ botId, connection }) => botId === adaId && connection.state === 'connected')
  const before = checkHistory(await simulator.client.history())
  let sent = 0
  /** Every message comes by webhook, and by the long connection while there is one or when there is one again. */
  const write = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index++) {
      sent += 1
      const text = `message ${sent}`
      const ids = await simulator.client.sendText({ appId: ADA.appId, chatId: `oc_${index % 3}`, text })
      expect(await push(messageEnvelope(ADA.appId, { ...ids, text }))).toMatchObject({ status: 200 })
    }
  }
  for (let round = 0; round < 3; round++) {
    const open = connected()
    await Promise.all([write(8), api.call('POST', `/api/feishu/bots/${adaId}/ws/connect`)])
    await open
    await Promise.all([write(8), api.call('POST', `/api/feishu/bots/${adaId}/ws/disconnect`)])
  }
  const total = before.sent + sent
  expect(await simulator.client.waitForReplies({ count: total, timeoutMs: 20_000 })).toMatchObject({ isComplete: true })
  expect(checkHistory(await simulator.client.history())).toMatchObject({ replied: total, duplicated: 0, lost: 0 })
})
