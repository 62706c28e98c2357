import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { parse } from 'node:querystring'
import { expect } from 'vitest'
import { WebSocket } from 'ws'
import { entryOf } from '../../src/simulator/history/history.ts'
import { closeLater, connectSdk, post, type Received, SOON_MS } from '../support/simulator.ts'
import { type Check, expectAll, type World } from './check.ts'
import { HandClient } from './hand-client.ts'

const FAST = { timeScale: 0.002, ackDeadlineMs: 300 }
const NUMBERS = ['ReconnectCount', 'ReconnectInterval', 'ReconnectNonce', 'PingInterval']

const say = ({ simulator, app }: World, text = 'hi') => simulator.sendText({ appId: app.appId, chatId: 'oc_1', text })

async function ready({ url, app }: World): Promise<HandClient> {
  const client = await HandClient.connect(url, app)
  client.ping()
  await client.next(0)
  return client
}

function discover({ url, app }: World, appSecret = app.appSecret) {
  return post(`${url}/callback/ws/endpoint`, { AppID: app.appId, AppSecret: appSecret })
}

/** The long connection, seen by a client that was written from the description of the protocol. */
export const CONNECTION_CHECKS: readonly Check[] = [
  {
    name: 'discovery gives a URL that every SDK can read, and how to reconnect',
    async run(world) {
      const { status, body } = await discover(world)
      const { URL: endpoint, ClientConfig } = body['data'] as { URL: string; ClientConfig: Record<string, number> }
      expect([status, body['code']]).toEqual([200, 0])
      // The Node SDK parses the whole URL as a query and so cannot read the first parameter.
      const { service_id, device_id } = parse(endpoint)
      expectAll([service_id, device_id])
      expect(NUMBERS.map((name) => typeof ClientConfig[name])).toEqual(NUMBERS.map(() => 'number'))
    },
  },
  {
    name: 'a refused discovery has a code, a text and data',
    async run(world) {
      const { status, body } = await discover(world, 'wrong')
      expect([status, body]).toEqual([200, { code: 514, msg: expect.any(String), data: { URL: '' } }])
    },
  },
  {
    name: 'a URL opens one connection; the next is refused with headers that say why',
    async run(world) {
      const { endpoint } = await ready(world)
      const socket = new WebSocket(endpoint)
      closeLater(() => socket.terminate())
      socket.on('error', () => {})
      const [, { statusCode, headers }] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage]
      expect(statusCode).not.toBe(101)
      expect(Number(headers['handshake-status'])).toBeGreaterThan(0)
      expectAll([headers['handshake-msg'], headers['handshake-autherrcode']])
    },
  },
  {
    name: 'a ping is answered with the four numbers, in a frame with all required fields',
    async run({ url, app }) {
      const client = await HandClient.connect(url, app)
      client.ping()
      const pong = await client.next(0)
      expect([1, 2, 3, 4].filter((field) => !pong.fields.has(field))).toEqual([])
      expect(pong.headers['type']).toBe('pong')
      const config = JSON.parse(pong.payload.toString()) as Record<string, unknown>
      expect(NUMBERS.map((name) => typeof config[name])).toEqual(NUMBERS.map(() => 'number'))
    },
  },
  {
    name: 'nothing is pushed before the first ping',
    async run(world) {
      const client = await HandClient.connect(world.url, world.app)
      say(world)
      // Whatever was sent at the opening has arrived before the answer to this.
      await discover(world)
      expect(client.receivedCount).toBe(0)
      client.ping()
      await client.next(1)
    },
  },
  {
    name: 'an event comes in a frame with all required fields and headers',
    async run(world) {
      const client = await ready(world)
      const { eventId, messageId } = say(world)
      const { fields, headers, payload } = await client.next(1)
      expect([1, 2, 3, 4, 8].filter((field) => !fields.has(field))).toEqual([])
      expectAll([headers['message_id'], headers['trace_id']])
      expect(headers).toMatchObject({ type: 'event', sum: '1', seq: '0' })
      expect(JSON.parse(payload.toString())).toMatchObject({
        schema: '2.0',
        header: { event_id: eventId, event_type: 'im.message.receive_v1', app_id: world.app.appId },
        event: { message: { message_id: messageId, chat_id: 'oc_1' } },
      })
    },
  },
  {
    name: 'code 200 ends an event, in the words of any SDK; code 500 brings it again under the same id',
    options: { ...FAST, ackDeadlineMs: 5000 },
    async run(world) {
      const client = await ready(world)
      const failed = say(world)
      const first = await client.next(1)
      client.ack(first, { code: 500 })
      const second = await client.next(1)
      expect(JSON.parse(second.payload.toString())).toMatchObject({ header: { event_id: failed.eventId } })
      expect(second.headers['message_id']).not.toBe(first.headers['message_id'])
      client.ack(second, { code: 200, headers: null, data: null })
      // Its redelivery would come before that of a later event.
      const later = say(world)
      client.ack(await client.next(1), { code: 500 })
      const next = await client.next(1)
      expect(JSON.parse(next.payload.toString())).toMatchObject({ header: { event_id: later.eventId } })
      client.ack(next, { code: 200 })
      await world.simulator.once(
        entryOf('acked', ({ eventId, code }) => eventId === later.eventId && code === 200),
        SOON_MS,
      )
    },
  },
  {
    name: 'without an acknowledgement in time an event comes again',
    options: FAST,
    async run(world) {
      const client = await ready(world)
      const { eventId } = say(world)
      await client.next(1)
      expect(JSON.parse((await client.next(1)).payload.toString())).toMatchObject({ header: { event_id: eventId } })
    },
  },
  {
    name: 'a long event comes in fragments, numbered from 0, that join to its JSON',
    options: { fragmentBytes: 200 },
    async run(world) {
      const client = await ready(world)
      const { eventId } = say(world, '你好'.repeat(100))
      const first = await client.next(1)
      const fragments = [first]
      while (fragments.length < Number(first.headers['sum'])) fragments.push(await client.next(1))
      expect(fragments.length).toBeGreaterThan(2)
      expect(fragments.map(({ headers }) => headers['seq'])).toEqual(fragments.map((_, index) => String(index)))
      expect(new Set(fragments.map(({ headers }) => headers['message_id'])).size).toBe(1)
      const json = Buffer.concat(fragments.map(({ payload }) => payload)).toString()
      expect(JSON.parse(json)).toMatchObject({ header: { event_id: eventId } })
    },
  },
  {
    name: 'the SDK joins fragments',
    options: { fragmentBytes: 200 },
    async run({ simulator, url, app }) {
      const received: Received[] = []
      connectSdk(url, app, (event) => received.push(event))
      await simulator.once(entryOf('connection_ready'), SOON_MS)
      const text = '你好'.repeat(100)
      simulator.sendText({ appId: app.appId, chatId: 'oc_1', text })
      await simulator.once(entryOf('acked'), SOON_MS)
      expect(received.map(({ message }) => JSON.parse(message.content))).toEqual([{ text }])
    },
  },
  {
    name: 'a callback shows the user what the acknowledgement brings',
    async run(world) {
      const client = await ready(world)
      const click = world.simulator.clickCard({ appId: world.app.appId, chatId: 'oc_1', value: {} })
      const toast = { toast: { type: 'info', content: 'done' } }
      client.ack(await client.next(1), { code: 200, data: Buffer.from(JSON.stringify(toast)).toString('base64') })
      expect(await click).toMatchObject({ kind: 'answered', data: toast })
    },
  },
]
