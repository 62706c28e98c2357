import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { resolve } from 'node:path'
import type { Socket } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { systemClock } from '../../src/core/time/clock.ts'
import type { LogRecord } from '../../src/core/log/logger.ts'
import type { FeishuSupervisorOptions } from '../../src/options/feishu-supervisor-options.ts'
import { resolveOptions } from '../../src/options/options.ts'
import type { DataUp } from '../../src/protocol/data.ts'
import type { BotStatus } from '../../src/protocol/model/status.ts'
import { CONTROL, DATA, decodeFrame, encodeFrame, type Frame, headerOf } from '../../src/simulator/gateway/frame.ts'
import { BotChild } from '../../src/supervisor/bot-child.ts'
import { threadIsolation } from '../../src/supervisor/isolation/thread-isolation.ts'
import { botSpawner, type BotThread } from '../../src/supervisor/spawn.ts'
import { listen } from '../support/bot.ts'
import { Recorder } from '../support/recorder.ts'
import { closeLater, newApp, type TestApp } from '../support/simulator.ts'

const BOT_WORKER = resolve('dist/workers/bot.cjs')

type ConnectionInput = FeishuSupervisorOptions['connection']

/** An authority of our own, and the certificate it gave to `feishu.test`. */
export const TLS = resolve('test/fixtures/tls')

/** Waits of production scaled down. */
const SCALED = {
  backoff: { firstMs: 20, maxMs: 100 },
  serverErrorDelayMs: 50,
  minPingIntervalMs: 50,
} satisfies ConnectionInput

/** One real bot worker as it is built, under its real child; events are accepted as they come. */
export function superviseBot(domain: string, app: TestApp = newApp(), connection: ConnectionInput = {}) {
  const options = resolveOptions({ connection: { ...SCALED, ...connection } }).thread
  const statuses = new Recorder<BotStatus>()
  const events = new Recorder<DataUp & { kind: 'deliver' }>()
  const logs: LogRecord[] = []
  const isolation = threadIsolation(BOT_WORKER, options.supervision)
  const child = new BotChild({
    spec: {
      botId: 'bot_1',
      name: app.name,
      appId: app.appId,
      appSecret: app.appSecret,
      domain,
      connection: options.connection,
      isolation: 'thread',
      isIdentified: true,
    },
    spawn: botSpawner({ thread: isolation, process: isolation }, systemClock),
    policy: { ...options.supervision, backoff: { firstMs: 10, maxMs: 50, factor: 2, jitter: 0.2 } },
    clock: systemClock,
    random: Math.random,
    spawned: ({ dataPort }: BotThread, incarnation) =>
      dataPort.on('message', (frame: DataUp) => {
        if (frame.kind !== 'deliver') return
        events.add(frame)
        dataPort.postMessage({ kind: 'accepted', incarnation, id: frame.id })
      }),
    gone: () => {},
    changed: statuses.add,
    identified: () => {},
    log: (record) => logs.push(record),
  })
  closeLater(async () => {
    child.stop()
    await child.gone(10_000)
  })
  child.start()
  child.connect()
  const until = (isMet: (status: BotStatus) => boolean) => statuses.next(isMet, 20_000)
  return { child, statuses, until, events, logs }
}

export function isConnected({ connection }: BotStatus): boolean {
  return connection.state === 'connected'
}

export interface FrameGateway {
  readonly url: string
  readonly discoveries: Recorder<number>
  /** Every ping, with its time. */
  readonly pings: Recorder<number>
  readonly acks: Recorder<{ readonly messageId: string | undefined; readonly code: number }>
  /** The newest connection. */
  current(): { readonly webSocket: WebSocket; readonly socket: Socket }
  /** Sends bytes as one message. */
  send(bytes: Uint8Array | string): void
}

export interface FrameGatewayOptions {
  /** What discovery says about pings. */
  readonly clientConfig?: unknown
  /** The payload of every pong. */
  readonly pong?: string
  /** How bots call it, when that is not how it is reached; `https:` makes it speak TLS. */
  readonly publicUrl?: string
  /** Written together with the answer to the upgrade. */
  readonly greeting?: Uint8Array
}

/** A gateway that speaks frames as the platform does, and says whatever the test wants. */
export async function openFrameGateway({
  clientConfig = { PingInterval: 0.1 },
  pong = JSON.stringify({ PingInterval: 0.1 }),
  publicUrl,
  greeting,
}: FrameGatewayOptions = {}): Promise<FrameGateway> {
  const webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: true })
  const [discoveries, pings] = [new Recorder<number>(), new Recorder<number>()]
  const acks: FrameGateway['acks'] = new Recorder()
  let newest: ReturnType<FrameGateway['current']> | undefined
  const isSecure = publicUrl?.startsWith('https:') === true
  const { server, url } = await listen((origin) => {
    const answer = (_request: IncomingMessage, response: ServerResponse): void => {
      discoveries.add(performance.now())
      const URL = `${(publicUrl ?? origin()).replace('http', 'ws')}/ws?fpid=1&device_id=1&service_id=1`
      response.end(JSON.stringify({ code: 0, data: { URL, ClientConfig: clientConfig } }))
    }
    if (!isSecure) return createServer(answer)
    return createSecureServer(
      { key: readFileSync(`${TLS}/server.key`), cert: readFileSync(`${TLS}/server.pem`) },
      answer,
    )
  })
  server.on('upgrade', (request, socket: Socket, head) => {
    closeLater(() => socket.destroy())
    socket.on('error', () => {})
    // One segment for the answer and the greeting.
    socket.cork()
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      newest = { webSocket, socket }
      webSocket.on('error', () => {})
      webSocket.on('message', (data: Buffer) => {
        const frame = decodeFrame(data)
        if (frame.method === CONTROL) {
          pings.add(performance.now())
          webSocket.send(controlFrame('pong', pong))
        } else {
          const { code } = JSON.parse(Buffer.from(frame.payload).toString()) as { code: number }
          acks.add({ messageId: headerOf(frame, 'message_id'), code })
        }
      })
      if (greeting !== undefined) webSocket.send(greeting)
    })
    socket.uncork()
  })
  const current = () => {
    if (newest === undefined) throw new Error('nobody is connected')
    return newest
  }
  return { url, discoveries, pings, acks, current, send: (bytes) => current().webSocket.send(bytes) }
}

export function controlFrame(type: string, payload: string): Uint8Array {
  return encodeFrame({ ...IDS, method: CONTROL, headers: [['type', type]], payload: Buffer.from(payload) })
}

const IDS = { seqId: 0n, logId: 0n, service: 1 }

/** A data frame; headers that are undefined are left out. */
export function dataFrame(payload: string | Uint8Array, headers: Record<string, string | undefined> = {}): Uint8Array {
  const all = { type: 'event', message_id: 'm1', sum: '1', seq: '0', trace_id: 't', ...headers }
  const frame: Frame = {
    ...IDS,
    method: DATA,
    headers: Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined),
    payload: Buffer.from(payload),
  }
  return encodeFrame(frame)
}

/** A message event whose dedupe key is `m:<messageId>`. */
export function messageEvent(messageId: string, text = 'hello'): string {
  return JSON.stringify({
    schema: '2.0',
    header: { event_id: `e-${messageId}`, event_type: 'im.message.receive_v1' },
    event: { message: { message_id: messageId, chat_id: 'oc_1', create_time: '1700000000000', content: text } },
  })
}
