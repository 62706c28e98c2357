import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Client, EventDispatcher, LoggerLevel, WSClient } from '@larksuiteoapi/node-sdk'
import { onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { CONTROL, DATA, decodeFrame, encodeFrame, type Frame, headerOf } from '../../src/simulator/gateway/frame.ts'
import { FeishuSimulator, type SimulatorOptions } from '../../src/simulator/simulator.ts'

/** Longest wait for anything in these tests. */
export const SOON_MS = 10_000

/** Fast cadence for tests; all in seconds. */
export const FAST = { PingInterval: 0.05, ReconnectInterval: 0.05, ReconnectNonce: 0, ReconnectCount: -1 }

/** Runs `close` after the test, the last registered first. */
export function closeLater(close: () => unknown): void {
  onTestFinished(async () => {
    await close()
  })
}

export interface TestApp {
  readonly appId: string
  readonly appSecret: string
  readonly name: string
}

/** A new id per test: the SDK caches tokens per app id for the whole module. */
export function newApp(): TestApp {
  return { appId: `cli_${randomBytes(8).toString('hex')}`, appSecret: 'right', name: 'Helper' }
}

export async function startSimulator(
  options: SimulatorOptions = {},
): Promise<{ simulator: FeishuSimulator; url: string; app: TestApp }> {
  const simulator = new FeishuSimulator({ clientConfig: FAST, ...options })
  closeLater(() => simulator.stop())
  const { url } = await simulator.start()
  const app = newApp()
  simulator.addApp(app)
  return { simulator, url, app }
}

const silent = () => {}
const logger = { error: silent, warn: silent, info: silent, debug: silent, trace: silent }
const quiet = { logger, loggerLevel: LoggerLevel.error }

export type Received = { message: { message_id: string; content: string; chat_id: string }; event_id?: string }

/** The official client with a handler for messages, and for `others`. */
export function connectSdk(
  url: string,
  app: TestApp,
  handle: (event: Received) => unknown,
  onError: (error: Error) => void = silent,
  others: Readonly<Record<string, (event: never) => unknown>> = {},
): void {
  const dispatcher = new EventDispatcher(quiet).register({ 'im.message.receive_v1': handle as never, ...others })
  const client = new WSClient({ ...app, domain: url, ...quiet, onError, handshakeTimeoutMs: 2000 })
  closeLater(() => client.close({ force: true }))
  void client.start({ eventDispatcher: dispatcher })
}

export function sdkClient(url: string, app: TestApp): Client {
  return new Client({ ...app, domain: url, ...quiet })
}

export async function post(url: string, body: unknown, headers: Record<string, string> = {}) {
  const answer = await fetch(url, { method: 'POST', body: JSON.stringify(body), headers })
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Record<string, unknown> }
}

export async function discover(url: string, app: TestApp): Promise<string> {
  const { body } = await post(`${url}/callback/ws/endpoint`, { AppID: app.appId, AppSecret: app.appSecret })
  return (body['data'] as { URL: string }).URL
}

/** Why the gateway refused a handshake. */
export async function refusalOf(endpoint: string) {
  const socket = new WebSocket(endpoint)
  closeLater(() => socket.terminate())
  socket.on('error', () => {})
  const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage]
  const { headers } = answer
  return {
    status: headers['handshake-status'],
    msg: headers['handshake-msg'],
    code: headers['handshake-autherrcode'],
  }
}

/** A client without an SDK: it pings and acknowledges only when told to. */
export class RawClient {
  readonly socket: WebSocket
  readonly #frames: Frame[] = []
  #wake = silent

  constructor(url: string) {
    this.socket = new WebSocket(url)
    closeLater(() => this.socket.terminate())
    this.socket.on('message', (data: Buffer) => {
      this.#frames.push(decodeFrame(data))
      this.#wake()
    })
  }

  static async connect(url: string, app: TestApp): Promise<RawClient> {
    return new RawClient(await discover(url, app)).opened()
  }

  async opened(): Promise<this> {
    await once(this.socket, 'open')
    return this
  }

  ping(): void {
    this.#send({ seqId: 0n, logId: 0n, service: 1, method: CONTROL, headers: [['type', 'ping']], payload: Buffer.of() })
  }

  ack(frame: Frame, code = 200): void {
    this.#send({ ...frame, payload: Buffer.from(JSON.stringify({ code })) })
  }

  /** Acknowledges a callback with what the user is to see. */
  answer(frame: Frame, data: object): void {
    const base64 = Buffer.from(JSON.stringify(data)).toString('base64')
    this.#send({ ...frame, payload: Buffer.from(JSON.stringify({ code: 200, data: base64 })) })
  }

  /** The next frame of this kind, in order of arrival. */
  async next(method: typeof CONTROL | typeof DATA): Promise<Frame> {
    for (;;) {
      const index = this.#frames.findIndex((frame) => frame.method === method)
      if (index >= 0) return this.#frames.splice(index, 1)[0] as Frame
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** Connects, pings and waits for the pong. */
  async ready(): Promise<this> {
    this.ping()
    await this.next(CONTROL)
    return this
  }

  #send(frame: Frame): void {
    this.socket.send(encodeFrame(frame))
  }
}

export function eventOf(frame: Frame): { header: { event_id: string }; event: { message: { message_id: string } } } {
  return JSON.parse(Buffer.from(frame.payload).toString())
}

export { CONTROL, DATA, headerOf }
