import diagnosticsChannel from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import { type EventDispatcher, LoggerLevel, WSClient } from '@larksuiteoapi/node-sdk'
import type { Clock } from '../../src/core/clock.ts'
import type { Logger } from '../../src/core/logger.ts'
import type { ConnectionTrouble } from '../../src/protocol/status.ts'
import { networkTrouble, troubleOfHandshake } from './connection-trouble.ts'
import { Discovery } from './discovery.ts'
import type { Http } from './http.ts'
import { sdkLogger } from './sdk-logger.ts'

export interface ConnectionDependencies {
  readonly appId: string
  readonly appSecret: string
  readonly domain: string
  readonly attemptTimeoutMs: number
  readonly pongTimeoutMs: number
  readonly dispatcher: EventDispatcher
  readonly http: Http
  readonly logger: Logger
  readonly clock: Clock
  opened(): void
  ponged(): void
  /** Called exactly once, unless `close` was called first. */
  ended(trouble: ConnectionTrouble): void
}

/** Node's own channel for answers to HTTP requests, the refused WebSocket upgrade among them; per thread. */
const ANSWERS = 'http.client.response.finish'

/** Half of the shortest ping interval that Discovery lets through. */
const LEAST_PING_GAP_MS = 25

/**
 * One attempt to connect and, if it succeeds, the connection until it ends: the only user of the
 * SDK's WSClient. Only public hooks of SDK 1.74.0 are used, because its own retry loop follows the
 * server's schedule, hides causes and reports nothing when an established connection closes under
 * `autoReconnect: false`.
 */
export class Connection {
  readonly #deps: ConnectionDependencies
  readonly #discovery: Discovery
  readonly #client: WSClient
  #handshake: ConnectionTrouble | undefined
  #isOver = false
  #cancelDeadline: () => void
  #cancelPongTimer: (() => void) | undefined
  #lastPingAt: number | undefined

  constructor(deps: ConnectionDependencies) {
    this.#deps = deps
    this.#discovery = new Discovery(deps.http)
    this.#client = new WSClient({
      appId: deps.appId,
      appSecret: deps.appSecret,
      domain: deps.domain,
      httpInstance: this.#discovery.httpInstance,
      loggerLevel: LoggerLevel.trace,
      logger: sdkLogger(deps.logger, (text) => this.#onTrace(text)),
      // Below the attempt's own deadline, so that a hanging handshake is aborted and its socket freed.
      handshakeTimeoutMs: Math.ceil(deps.attemptTimeoutMs * 0.9),
      onReady: () => this.#onReady(),
      onError: (error) =>
        this.#end(this.#discovery.trouble ?? this.#handshake ?? networkTrouble('EHANDSHAKE', error.message)),
      // Called in the close handler of an established socket.
      onReconnecting: () => this.#end(networkTrouble('ECLOSED', 'the connection was closed')),
    })
    this.#cancelDeadline = deps.clock.after(deps.attemptTimeoutMs, () =>
      this.#end(networkTrouble('ETIMEDOUT', `no connection within ${deps.attemptTimeoutMs} ms`)),
    )
  }

  open(): void {
    diagnosticsChannel.subscribe(ANSWERS, this.#onAnswer)
    // start() only rejects on misuse; everything else arrives through the callbacks above.
    this.#client.start({ eventDispatcher: this.#deps.dispatcher }).catch((thrown: unknown) => {
      this.#end(networkTrouble('ESDK', String(thrown)))
    })
  }

  /** Ends without a report. Acknowledgements not yet written are lost, so wait for them first. */
  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#cancelDeadline()
    this.#cancelPongTimer?.()
    diagnosticsChannel.unsubscribe(ANSWERS, this.#onAnswer)
    // Inside one of its own callbacks the SDK would arm another timer after the close.
    setImmediate(() => this.#client.close({ force: true }))
  }

  #onReady(): void {
    if (this.#isOver) return
    this.#cancelDeadline()
    diagnosticsChannel.unsubscribe(ANSWERS, this.#onAnswer)
    this.#deps.opened()
  }

  /**
   * The texts of SDK 1.74.0 (pinned, held by a contract test). The SDK's own pong watchdog is not
   * used: every ping re-arms it, so with a limit above the ping interval it never fires.
   */
  #onTrace(text: string): void {
    if (this.#isOver) return
    if (text.includes('ping success')) {
      if (this.#isPingStorm()) return this.#end(networkTrouble('EPROTO', 'the gateway ordered pings without pause'))
      this.#cancelPongTimer ??= this.#deps.clock.after(this.#deps.pongTimeoutMs, () =>
        this.#end(networkTrouble('EPONG', `no pong within ${this.#deps.pongTimeoutMs} ms`)),
      )
    }
    if (text.includes('receive pong')) {
      this.#cancelPongTimer?.()
      this.#cancelPongTimer = undefined
      this.#deps.ponged()
    }
  }

  /** A pong may set the SDK's ping interval to nothing; the SDK then pings hundreds of times per second. */
  #isPingStorm(): boolean {
    const now = this.#deps.clock.now()
    const gapMs = now - (this.#lastPingAt ?? 0)
    this.#lastPingAt = now
    // The wall clock may be set back.
    return gapMs >= 0 && gapMs < LEAST_PING_GAP_MS
  }

  readonly #onAnswer = (published: unknown): void => {
    const { headers } = (published as { response: IncomingMessage }).response
    const status = headers['handshake-status']
    if (typeof status !== 'string') return
    const authCode = headers['handshake-autherrcode']
    const text = headers['handshake-msg']
    this.#handshake = troubleOfHandshake(
      status,
      typeof authCode === 'string' ? authCode : undefined,
      typeof text === 'string' ? text : 'the WebSocket handshake was refused',
    )
  }

  #end(trouble: ConnectionTrouble): void {
    if (this.#isOver) return
    this.close()
    this.#deps.ended(trouble)
  }
}
