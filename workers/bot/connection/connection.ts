import type { IncomingMessage } from 'node:http'
import type { EventDispatcher } from '@larksuiteoapi/node-sdk'
import type { Clock } from '../../../src/core/time/clock.ts'
import type { Logger } from '../../../src/core/log/logger.ts'
import type { ConnectionTrouble } from '../../../src/protocol/model/status.ts'
import { networkTrouble, troubleOfClose, troubleOfHandshake, troubleOfUpgrade } from './connection-trouble.ts'
import { Discovery } from './discovery.ts'
import { type PingBounds, settingsGuard } from './gateway-settings.ts'
import { type ConnectionEnd, GuardedClient } from './guarded-client.ts'
import type { Http } from '../http/http.ts'
import type { Egress } from '../http/egress.ts'

export interface ConnectionDeps extends PingBounds {
  readonly appId: string
  readonly appSecret: string
  readonly domain: string
  readonly attemptTimeoutMs: number
  readonly pongTimeoutMs: number
  readonly maxFrameBytes: number
  readonly dispatcher: EventDispatcher
  readonly http: Http
  /** Egress of the WebSocket. `http` has its own. */
  readonly egress: Egress
  readonly logger: Logger
  readonly clock: Clock
  opened(): void
  ponged(): void
  /** A frame or a fragmented event was dropped. `reason` is one of a few fixed texts. */
  dropped(reason: string): void
  /** Called exactly once, unless `close` was called first. */
  ended(trouble: ConnectionTrouble): void
}

/**
 * One attempt to connect and, if it succeeds, the connection until its end. Every end is reported once, with its cause.
 * The SDK's own retry loop never runs: it follows the server's schedule and hides causes.
 */
export class Connection {
  readonly #deps: ConnectionDeps
  readonly #discovery: Discovery
  readonly #client: GuardedClient
  #isOver = false
  #cancelDeadline: () => void
  #cancelPongTimer: (() => void) | undefined

  constructor(deps: ConnectionDeps) {
    this.#deps = deps
    const settings = settingsGuard(deps)
    this.#discovery = new Discovery(deps.http, settings)
    this.#client = new GuardedClient({
      ...deps,
      settings,
      httpInstance: this.#discovery.httpInstance,
      // Below the deadline of the whole attempt, so that the error names the part that hung.
      handshakeTimeoutMs: Math.ceil(deps.attemptTimeoutMs * 0.9),
      opened: () => this.#onOpened(),
      pinged: () => this.#onPinged(),
      ponged: () => this.#onPonged(),
      dropped: (reason) => {
        if (!this.#isOver) deps.dropped(reason)
      },
      refused: (answer) => this.#end(troubleOfRefusal(answer)),
      ended: (end) => this.#end(this.#troubleOf(end)),
    })
    this.#cancelDeadline = deps.clock.after(deps.attemptTimeoutMs, () =>
      this.#end(networkTrouble('ETIMEDOUT', `no connection within ${deps.attemptTimeoutMs} ms`)),
    )
  }

  open(): void {
    this.#client.start(this.#deps.dispatcher)
  }

  /** Closes without calling `ended`. Acknowledgements that are not written yet are lost: wait for them first. */
  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#cancelDeadline()
    this.#cancelPongTimer?.()
    this.#client.close()
  }

  #onOpened(): void {
    if (this.#isOver) return
    this.#cancelDeadline()
    this.#deps.opened()
  }

  /** Starts our own pong timer. Every ping restarts the SDK's timer, so with a limit above the ping interval that one never fires. */
  #onPinged(): void {
    if (this.#isOver) return
    const { clock, pongTimeoutMs } = this.#deps
    this.#cancelPongTimer ??= clock.after(pongTimeoutMs, () =>
      this.#end(networkTrouble('EPONG', `no pong within ${pongTimeoutMs} ms`)),
    )
  }

  /** Counts only the first pong after a ping: a gateway that floods pongs must not make us flood reports. */
  #onPonged(): void {
    if (this.#isOver || this.#cancelPongTimer === undefined) return
    this.#cancelPongTimer()
    this.#cancelPongTimer = undefined
    this.#deps.ponged()
  }

  #troubleOf(end: ConnectionEnd): ConnectionTrouble {
    if (end.kind === 'closed') return troubleOfClose(end.code, end.reason)
    return this.#discovery.trouble ?? networkTrouble(end.code, end.text)
  }

  #end(trouble: ConnectionTrouble): void {
    if (this.#isOver) return
    this.close()
    this.#deps.ended(trouble)
  }
}

/** Reads the reason of a refused handshake from Feishu's headers. */
function troubleOfRefusal({ headers, statusCode = 0 }: IncomingMessage): ConnectionTrouble {
  const text = (name: string): string | undefined => {
    const value = headers[name]
    return typeof value === 'string' ? value : undefined
  }
  const status = text('handshake-status')
  if (status === undefined) return troubleOfUpgrade(statusCode)
  const reason = text('handshake-msg') ?? 'the WebSocket handshake was refused'
  return troubleOfHandshake(status, text('handshake-autherrcode'), reason)
}
