import type { IncomingMessage } from 'node:http'
import { type EventDispatcher, type HttpInstance, LoggerLevel, WSClient } from '@larksuiteoapi/node-sdk'
import { WebSocket } from 'ws'
import type { Clock } from '../../../src/core/time/clock.ts'
import { errorText, FeishuSupervisorError } from '../../../src/core/errors.ts'
import type { Logger } from '../../../src/core/log/logger.ts'
import { Fragments } from './fragments.ts'
import type { GatewaySettings } from './gateway-settings.ts'
import type { Egress } from '../http/egress.ts'
import { sdkLogger } from '../http/sdk-logger.ts'

export interface GuardedClientDeps {
  readonly appId: string
  readonly appSecret: string
  readonly domain: string
  readonly httpInstance: HttpInstance
  readonly egress: Egress
  readonly handshakeTimeoutMs: number
  /** Most bytes of one frame, and of all waiting fragments. */
  readonly maxFrameBytes: number
  /** Filters the settings of a pong. */
  settings(untrusted: unknown): GatewaySettings
  readonly logger: Logger
  readonly clock: Clock
  opened(): void
  pinged(): void
  ponged(): void
  /** A frame or a fragmented event was dropped. */
  dropped(reason: string): void
  /** The WebSocket handshake was refused with an HTTP answer. */
  refused(answer: IncomingMessage): void
  /** The connection failed or ended. May be called several times. */
  ended(end: ConnectionEnd): void
}

export type ConnectionEnd =
  /** The end came before the connection was open. */
  | { readonly kind: 'failed'; readonly code: string; readonly text: string }
  | { readonly kind: 'closed'; readonly code: number; readonly reason: string }

interface SdkFrame {
  readonly headers: readonly { readonly key: string; readonly value: string }[]
  payload?: Uint8Array | null
}

/** Private members of WSClient in SDK 1.74.0. */
interface Internals {
  dataCache: Pick<Fragments, 'mergeData' | 'destroy' | 'clearAtInterval'>
  readonly wsConfig: { getWS(key: 'connectUrl'): string; setWSInstance(socket: WebSocket): void }
  connect(): Promise<boolean>
  communicate(): void
  pingLoop(): void
  handleControlData(frame: SdkFrame): Promise<void>
  handleEventData(frame: SdkFrame): Promise<void>
}

/**
 * The SDK's WSClient with a guard at every place where bytes from the network enter it. Its public options reach none of
 * these places, so private members are replaced. The SDK is pinned, and a contract test holds the members' shape. A
 * client without them is refused here instead of running without guards.
 */
export class GuardedClient {
  readonly #deps: GuardedClientDeps
  readonly #client: WSClient
  readonly #sdk: Internals
  #socket: WebSocket | undefined
  #isClosed = false
  /** Whether the SDK could read the frame that is being handled. */
  #isRead = false

  constructor(deps: GuardedClientDeps) {
    this.#deps = deps
    const { appId, appSecret, domain, httpInstance } = deps
    this.#client = new WSClient({
      appId,
      appSecret,
      domain,
      httpInstance,
      loggerLevel: LoggerLevel.info,
      logger: sdkLogger(deps.logger),
      onReady: () => this.#onReady(),
      onError: (error) => deps.ended({ kind: 'failed', code: 'EDISCOVERY', text: error.message }),
    })
    this.#sdk = internalsOf(this.#client)
    this.#guard()
  }

  /** Starts to connect. All results arrive through the callbacks. */
  start(dispatcher: EventDispatcher): void {
    this.#client.start({ eventDispatcher: dispatcher }).catch((thrown: unknown) => {
      this.#deps.ended({ kind: 'failed', code: 'ESDK', text: errorText(thrown) })
    })
  }

  /** Closes the client. Callbacks may still be called after that. */
  close(): void {
    this.#isClosed = true
    // Runs after an acknowledgement that is written in this turn. Inside one of its own callbacks the SDK would also set
    // another timer after the close.
    setImmediate(() => {
      this.#client.close({ force: true })
      // The SDK does not close a socket during its handshake.
      this.#socket?.terminate()
    })
  }

  #guard(): void {
    const { clock, maxFrameBytes, dropped, pinged, ponged, settings } = this.#deps
    const sdk = this.#sdk
    const original = {
      communicate: sdk.communicate.bind(this.#client),
      pingLoop: sdk.pingLoop.bind(this.#client),
      handleControlData: sdk.handleControlData.bind(this.#client),
      handleEventData: sdk.handleEventData.bind(this.#client),
    }
    sdk.dataCache.destroy()
    sdk.dataCache = new Fragments({ maxBytes: maxFrameBytes, clock, dropped })
    sdk.connect = () => this.#connect()
    sdk.communicate = () => {
      original.communicate()
      // Runs after the SDK's own listener, which reads the frame in the same turn.
      this.#socket?.on('message', () => {
        if (!this.#isRead) dropped('unreadable')
        this.#isRead = false
      })
    }
    sdk.pingLoop = () => {
      pinged()
      original.pingLoop()
    }
    sdk.handleControlData = async (frame) => {
      this.#isRead = true
      const type = typeOf(frame)
      if (type !== 'pong') return type === 'ping' ? undefined : dropped('unknown control frame')
      ponged()
      frame.payload = Buffer.from(JSON.stringify(settings(parse(frame.payload))))
      await original.handleControlData(frame)
    }
    sdk.handleEventData = async (frame) => {
      this.#isRead = true
      if (typeOf(frame) !== 'event') return dropped('unknown data frame')
      await original.handleEventData(frame)
    }
  }

  /**
   * Replaces the SDK's `connect`. That one sets no limits (frames of 100 MiB, also compressed), does not read the reason
   * of a refused handshake, and loses frames that arrive together with the upgrade.
   */
  #connect(): Promise<boolean> {
    if (this.#isClosed) return Promise.resolve(false)
    const { egress, handshakeTimeoutMs, maxFrameBytes, refused, ended } = this.#deps
    let socket: WebSocket
    try {
      const url = new URL(this.#sdk.wsConfig.getWS('connectUrl'))
      socket = new WebSocket(url, {
        ...egress.to(url),
        handshakeTimeout: handshakeTimeoutMs,
        maxPayload: maxFrameBytes,
        perMessageDeflate: false,
      })
    } catch (thrown) {
      ended({ kind: 'failed', code: 'EPROTO', text: errorText(thrown) })
      return Promise.resolve(false)
    }
    this.#socket = socket
    let isOpen = false
    let lastError = ''
    return new Promise((resolve) => {
      socket.on('error', (error: NodeJS.ErrnoException) => {
        lastError = error.message
        if (isOpen) return
        ended({ kind: 'failed', code: error.code ?? 'EHANDSHAKE', text: error.message })
        resolve(false)
      })
      socket.on('unexpected-response', (request, answer) => {
        refused(answer)
        request.destroy()
      })
      socket.on('open', () => {
        isOpen = true
        socket.pause()
        socket.on('close', (code, reason) => ended({ kind: 'closed', code, reason: reason.toString() || lastError }))
        this.#sdk.wsConfig.setWSInstance(socket)
        this.#sdk.pingLoop()
        resolve(true)
      })
    })
  }

  #onReady(): void {
    this.#deps.opened()
    this.#socket?.resume()
  }
}

function internalsOf(client: WSClient): Internals {
  const sdk = client as unknown as Internals
  const { dataCache, wsConfig, connect, communicate, pingLoop, handleControlData, handleEventData } = sdk
  const parts = [connect, communicate, pingLoop, handleControlData, handleEventData]
  const all = [...parts, dataCache.mergeData, dataCache.destroy, wsConfig.getWS, wsConfig.setWSInstance]
  if (all.some((part) => typeof part !== 'function')) {
    throw new FeishuSupervisorError(
      'INTERNAL',
      'the guard does not fit this version of the Feishu SDK: install the pinned version',
    )
  }
  return sdk
}

function typeOf({ headers }: SdkFrame): string | undefined {
  return headers.find(({ key }) => key === 'type')?.value
}

function parse(payload: Uint8Array | null | undefined): unknown {
  try {
    return JSON.parse(Buffer.from(payload ?? []).toString('utf8'))
  } catch {
    return undefined
  }
}
