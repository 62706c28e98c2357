import { once } from 'node:events'
import { createHash } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { AESCipher } from '@larksuiteoapi/node-sdk'
import { expect, it } from 'vitest'
import { SimulatorClient } from '../../src/simulator/control/client.ts'
import { checkHistory } from '../../src/simulator/history/check-history.ts'
import { entryOf } from '../../src/simulator/history/history.ts'
import { closeLater, SOON_MS, startSimulator } from '../support/simulator.ts'

const FAST = { timeScale: 0.0005, ackDeadlineMs: 500 }

interface Push {
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** A server that answers every request but the challenge with what `answer` writes. */
async function startReceiver(answer: (response: ServerResponse, push: Push) => unknown, cipher?: AESCipher) {
  const pushes: Push[] = []
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      const json = JSON.parse(body.toString()) as { encrypt?: string }
      const plain = json.encrypt === undefined || !cipher ? json : JSON.parse(cipher.decrypt(json.encrypt))
      if (plain.type === 'url_verification') return response.end(JSON.stringify({ challenge: plain.challenge }))
      const push = { headers: request.headers, body }
      pushes.push(push)
      return answer(response, push)
    })
  })
  server.listen(0, '127.0.0.1')
  closeLater(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhook`, pushes }
}

it('posts events with the verification token, and takes 200 as the acknowledgement', async () => {
  const { simulator, app } = await startSimulator()
  const hooked = simulator.addApp({ verificationToken: 'fake-token' })
  const { url, pushes } = await startReceiver((response) => response.end('{}'))
  await simulator.useWebhook(hooked.appId, { url })
  const { eventId } = simulator.sendText({ appId: hooked.appId, chatId: 'oc_1', text: 'hi' })
  expect(await simulator.once(entryOf('acked'), SOON_MS)).toMatchObject({ eventId, code: 200, connectionId: 'webhook' })
  expect(JSON.parse(String(pushes[0]?.body))).toMatchObject({
    schema: '2.0',
    header: { event_id: eventId, event_type: 'im.message.receive_v1', token: 'fake-token', app_id: hooked.appId },
    event: { message: { content: '{"text":"hi"}' } },
  })
  expect(pushes[0]?.headers).not.toHaveProperty('x-lark-signature')
  simulator.useLongConnection(hooked.appId)
  simulator.sendText({ appId: hooked.appId, chatId: 'oc_1', text: 'nobody is there' })
  simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'another app' })
  expect(simulator.history.entries.filter(entryOf('push_failed'))).toHaveLength(2)
})

it.each([false, true])('encrypts, and signs the exact bytes (odd JSON: %s)', async (hasOddJson) => {
  const { simulator, url: simulatorUrl, app } = await startSimulator()
  const encryptKey = 'test key'
  const cipher = new AESCipher(encryptKey)
  const { url, pushes } = await startReceiver((response) => response.end(), cipher)
  await new SimulatorClient(simulatorUrl).useWebhook(app.appId, { url, encryptKey, hasOddJson })
  const { eventId } = simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
  await simulator.once(entryOf('acked'), SOON_MS)
  const { headers, body } = pushes[0] ?? {}
  const text = String(body)
  const { encrypt } = JSON.parse(text) as { encrypt: string }
  expect(JSON.parse(cipher.decrypt(encrypt))).toMatchObject({ header: { event_id: eventId } })
  const signed = [headers?.['x-lark-request-timestamp'], headers?.['x-lark-request-nonce'], encryptKey, text].join('')
  expect(headers?.['x-lark-signature']).toBe(createHash('sha256').update(signed).digest('hex'))
  // What a receiver that parses and writes it again would sign instead.
  expect(JSON.stringify(JSON.parse(text)) === text).toBe(!hasOddJson)
})

it('refuses a URL that does not answer the challenge', async () => {
  const { simulator, app } = await startSimulator()
  await expect(simulator.useWebhook(app.appId, { url: 'http://127.0.0.1:1/' })).rejects.toThrow('(unreachable)')
  const silent = createServer((_request, response) => response.end('{"challenge":"wrong"}')).listen(0, '127.0.0.1')
  closeLater(() => silent.close())
  await once(silent, 'listening')
  const wrong = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
  await expect(simulator.useWebhook(app.appId, { url: wrong })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
})

it('pushes again after an error, a redirect and silence, with the same bytes', async () => {
  const { simulator, app } = await startSimulator(FAST)
  const answers = [
    (response: ServerResponse) => response.writeHead(500).end(),
    (response: ServerResponse) => response.writeHead(302, { location: '/elsewhere' }).end(),
    () => {},
    (response: ServerResponse) => response.end('{}'),
  ]
  const { url, pushes } = await startReceiver((response) => answers.shift()?.(response))
  await simulator.useWebhook(app.appId, { url })
  simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
  await simulator.once(
    entryOf('acked', ({ code }) => code === 200),
    SOON_MS,
  )
  expect(new Set(pushes.map(({ body }) => body.toString())).size).toBe(1)
  expect(new Set(pushes.map(({ headers }) => headers['x-request-id'])).size).toBe(4)
  const outcomes: unknown[] = []
  for (const entry of simulator.history.entries) {
    if (entry.kind === 'acked') outcomes.push(entry.code)
    if (entry.kind === 'ack_timeout') outcomes.push('timeout')
  }
  expect(outcomes).toEqual([500, 302, 'timeout', 200])
  expect(checkHistory(simulator.history.entries)).toMatchObject({ sent: 1, acked: 1 })
})

it.each([
  [true, 2],
  [false, 1],
])('signs a redelivery anew: %s', async (signsAnew, signatureCount) => {
  const { simulator, app } = await startSimulator(FAST)
  const encryptKey = 'test key'
  const { url, pushes } = await startReceiver(
    (response) => response.writeHead(pushes.length === 1 ? 500 : 200).end(),
    new AESCipher(encryptKey),
  )
  await simulator.useWebhook(app.appId, { url, encryptKey, signsAnew })
  simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
  await simulator.once(
    entryOf('acked', ({ code }) => code === 200),
    SOON_MS,
  )
  expect(new Set(pushes.map(({ headers }) => headers['x-lark-signature'])).size).toBe(signatureCount)
})

it('goes through the whole schedule while nobody listens, then gives up', async () => {
  const { simulator, app } = await startSimulator({ timeScale: 0.000001 })
  const { url } = await startReceiver((response) => response.destroy())
  await simulator.useWebhook(app.appId, { url })
  simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
  await simulator.once(entryOf('given_up'), SOON_MS)
  expect(simulator.history.entries.filter(entryOf('push_failed'))).toHaveLength(5)
})

it('takes the body as the answer to a card, once', async () => {
  const { simulator, app } = await startSimulator(FAST)
  const answers = [
    (response: ServerResponse) => response.end('{"toast":{"type":"info","content":"done"}}'),
    (response: ServerResponse) => response.writeHead(500).end('no JSON'),
    () => {},
  ]
  const { url, pushes } = await startReceiver((response) => answers.shift()?.(response))
  await simulator.useWebhook(app.appId, { url })
  const click = () => simulator.clickCard({ appId: app.appId, chatId: 'oc_1', value: { act: 'go' } })
  expect(await click()).toMatchObject({ kind: 'answered', code: 200, data: { toast: { content: 'done' } } })
  expect(await click()).toMatchObject({ kind: 'answered', code: 500, shownError: 200671 })
  expect(await click()).toMatchObject({ kind: 'timeout', shownError: 200341 })
  simulator.useLongConnection(app.appId)
  expect(await click()).toMatchObject({ kind: 'unreachable', shownError: 200340 })
  expect(pushes).toHaveLength(3)
})
