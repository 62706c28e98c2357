import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'
import { systemClock } from '../../core/time/clock.ts'
import { FeishuSupervisorError } from '../../core/errors.ts'
import type { PlatformEnv } from './http-answer.ts'

/** Longest wait of a stop for open answers, milliseconds. Calls that hang on purpose are cut after it. */
const GRACE_MS = 100

export type UpgradeListener = (request: IncomingMessage, socket: Socket, head: Buffer) => void

/** The HTTP server of the platform. A stop closes all its connections. */
export class PlatformServer {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #openAnswers = new Set<ServerResponse>()
  #state: 'new' | 'started' | 'stopped' = 'new'
  #origin = ''

  constructor(app: Hono<PlatformEnv>, onUpgrade: UpgradeListener) {
    const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false })
    this.#server = createServer((request, response) => {
      if (request.url?.startsWith('/open-apis/')) this.#track(response)
      void listener(request, response)
    })
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    this.#server.on('upgrade', (request, socket, head) => onUpgrade(request, socket as Socket, head))
  }

  /** Origin of the server, e.g. `http://127.0.0.1:4000`. Empty before the start. */
  get origin(): string {
    return this.#origin
  }

  /** Starts to listen. May be called once. Rejects with `PORT_UNAVAILABLE`. */
  async start(port: number, host: string): Promise<void> {
    if (this.#state !== 'new') throw new FeishuSupervisorError('INTERNAL', `simulator is ${this.#state} already`)
    this.#state = 'started'
    this.#server.listen(port, host)
    try {
      await once(this.#server, 'listening')
    } catch (cause) {
      this.#state = 'stopped'
      throw new FeishuSupervisorError('PORT_UNAVAILABLE', `simulator cannot listen on ${host}:${port}`, { cause })
    }
    const { family, address, port: bound } = this.#server.address() as AddressInfo
    this.#origin = `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`
  }

  /**
   * Stops the server. Allowed before the start and twice. A bot whose message just became visible still gets its answer,
   * so that a test which ends with that message causes no error in the bot.
   */
  async stop(): Promise<void> {
    const wasStarted = this.#state === 'started'
    this.#state = 'stopped'
    if (!wasStarted) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    await this.#answered()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #track(response: ServerResponse): void {
    this.#openAnswers.add(response)
    response.on('close', () => this.#openAnswers.delete(response))
  }

  #answered(): Promise<void> {
    if (this.#openAnswers.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const cancelTimer = systemClock.after(GRACE_MS, resolve)
      for (const response of this.#openAnswers) {
        response.on('close', () => {
          if (this.#openAnswers.size > 0) return
          cancelTimer()
          resolve()
        })
      }
    })
  }
}
