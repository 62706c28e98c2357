import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { systemClock } from '../../src/core/time/clock.ts'
import { createLogger, type LogRecord } from '../../src/core/log/logger.ts'
import type { ReplyToSend } from '../../src/protocol/data.ts'
import type { FeishuEvent } from '../../src/protocol/model/message.ts'
import type { ConnectionTrouble } from '../../src/protocol/model/status.ts'
import type { HistoryKind } from '../../src/simulator/history/history.ts'
import { ApiCalls } from '../../workers/bot/api/api-calls.ts'
import { createFeishuApi } from '../../workers/bot/api/feishu-api.ts'
import { Sender } from '../../workers/bot/send/sender.ts'
import type { FakeClock } from './fake-clock.ts'
import { Connection, type ConnectionDeps } from '../../workers/bot/connection/connection.ts'
import { Http } from '../../workers/bot/http/http.ts'
import { EventRelay, type EventRelayOptions } from '../../workers/bot/connection/event-relay.ts'
import { Egress } from '../../workers/bot/http/egress.ts'
import { closeLater, SOON_MS, startSimulator, type TestApp } from './simulator.ts'
import { Recorder } from './recorder.ts'

export type Report =
  | { kind: 'opened' }
  | { kind: 'ponged' }
  | { kind: 'dropped'; reason: string }
  | { kind: 'ended'; trouble: ConnectionTrouble }

/** One real Connection on the pinned SDK, with everything it reports in order. */
export function openConnection(domain: string, app: TestApp, more: Partial<ConnectionDeps> = {}) {
  const reports = new Recorder<Report>()
  const logs: LogRecord[] = []
  const logger = createLogger('test', (record) => logs.push(record))
  const egress = new Egress()
  const http = new Http(2_000, egress)
  const connection = new Connection({
    appId: app.appId,
    appSecret: app.appSecret,
    domain,
    attemptTimeoutMs: 5_000,
    pongTimeoutMs: 5_000,
    minPingIntervalMs: 50,
    maxPingIntervalMs: 120_000,
    maxFrameBytes: 16 * 1024 * 1024,
    dispatcher: openEventRelay().eventRelay,
    http,
    egress,
    logger,
    clock: systemClock,
    opened: () => reports.add({ kind: 'opened' }),
    ponged: () => reports.add({ kind: 'ponged' }),
    dropped: (reason) => reports.add({ kind: 'dropped', reason }),
    ended: (trouble) => reports.add({ kind: 'ended', trouble }),
    ...more,
  })
  closeLater(() => {
    connection.close()
    http.close()
  })
  connection.open()
  return { connection, reports, logs }
}

export async function endOf(reports: Recorder<Report>): Promise<ConnectionTrouble> {
  const report = await reports.next((one) => one.kind === 'ended')
  return (report as { trouble: ConnectionTrouble }).trouble
}

export interface Delivered {
  readonly id: number
  readonly event: FeishuEvent
}

export function openEventRelay(options: Partial<EventRelayOptions> = {}) {
  const delivered = new Recorder<Delivered>()
  const eventRelay = new EventRelay({
    acceptTimeoutMs: SOON_MS,
    creditWindow: 8,
    cardFailedText: 'failed',
    maxPayloadBytes: 1_048_576,
    deliver: (id, event) => delivered.add({ id, event }),
    logger: createLogger('test', () => {}),
    ...options,
  })
  return { eventRelay, delivered }
}

export interface Scripted {
  readonly url: string
  readonly upgrades: Recorder<Socket>
}

/** A gateway whose discovery answers with its own address and whose upgrades are answered by the test, byte by byte. */
export async function scriptedGateway(
  onUpgrade: (socket: Socket, request: IncomingMessage) => void,
  discovery: (url: string) => unknown = (url) => ({
    code: 0,
    msg: 'success',
    data: { URL: `${url.replace('http:', 'ws:')}/ws/v2?fpid=1&device_id=1&service_id=1`, ClientConfig: {} },
  }),
): Promise<Scripted> {
  const upgrades = new Recorder<Socket>()
  const { server, url } = await listen((origin) =>
    createServer((_request, response) => {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(discovery(origin())))
    }),
  )
  server.on('upgrade', (request, socket: Socket) => {
    socket.on('error', () => {})
    // Unread, the socket would not notice that the client is gone.
    socket.on('end', () => socket.destroy()).resume()
    closeLater(() => socket.destroy())
    upgrades.add(socket)
    onUpgrade(socket, request)
  })
  return { url, upgrades }
}

export async function listen(create: (origin: () => string) => Server): Promise<{ server: Server; url: string }> {
  let url = ''
  const server = create(() => url)
  server.listen(0, '127.0.0.1')
  closeLater(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { server, url }
}

/** A refusal as Feishu's gateway writes it. */
export function refuseUpgrade(socket: Socket, status: number, headers: Record<string, string>): void {
  const lines = Object.entries({ 'Content-Length': '0', Connection: 'close', ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  socket.end(`HTTP/1.1 ${status} Refused\r\n${lines.join('')}\r\n`)
}

/** A sender and a message it may answer. */
export async function sending(
  more: { timeoutMs?: number; appSecret?: string; clock?: FakeClock; domain?: string } = {},
) {
  const { simulator, url, app } = await startSimulator({ limits: { perChat: 0 } })
  const logs: LogRecord[] = []
  const http = new Http(more.timeoutMs ?? 5_000)
  closeLater(() => http.close())
  const api = createFeishuApi({
    credentials: { appId: app.appId, appSecret: more.appSecret ?? app.appSecret },
    domain: more.domain ?? url,
    http,
    logger: createLogger('test', (record) => logs.push(record)),
    ...(more.clock === undefined ? {} : { clock: more.clock }),
  })
  const calls = new ApiCalls(api)
  const sender = new Sender(calls)
  const { messageId } = simulator.sendText({ appId: app.appId, chatId: 'oc_1', text: 'hi' })
  const reply = (uuid = 'u1', text = 'hello'): ReplyToSend => ({
    messageId,
    receiver: { type: 'chat_id', id: 'oc_1' },
    msgType: 'text',
    content: JSON.stringify({ text }),
    uuid,
  })
  const count = (kind: HistoryKind) => simulator.history.entries.filter((entry) => entry.kind === kind).length
  const posts = () =>
    simulator.history.entries.flatMap((entry) =>
      entry.kind === 'reply_received' ? [[entry.call, entry.uuid, entry.code] as const] : [],
    )
  return { simulator, app, sender, calls, reply, count, posts, logs }
}
