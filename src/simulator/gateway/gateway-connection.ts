import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { Clock } from '../../core/time/clock.ts'
import type { ClientConfig } from './client-config.ts'
import type { Spoiling } from '../faults/fault.ts'
import type { FaultPlan } from '../faults/fault-plan.ts'
import { CONTROL, DATA, decodeFrame, encodeFrame, type Frame, headerOf } from './frame.ts'
import { newId } from '../shared/ids.ts'
import { spoil } from './spoil.ts'

export interface ConnectionSettings {
  readonly id: string
  readonly appId: string
  readonly serviceId: number
  readonly clientConfig: ClientConfig
  /** Payloads above this size are split, bytes. */
  readonly fragmentBytes: number
  readonly failures: Pick<FaultPlan, 'spoilingOf'>
  readonly clock: Pick<Clock, 'after'>
}

/** Answer to an event. `{"code":200}` is an acknowledgement, any other code a failure. [R] */
export interface GatewayAck {
  readonly code: number
  /** Decoded return value of the client for the event. Used only for callbacks. */
  readonly data?: unknown
}

/** `forgotten`: pings are still answered, but the platform treats the connection as closed: not counted, no events. */
export type GatewayState = 'opening' | 'ready' | 'forgotten' | 'closing'

export interface ConnectionListener {
  onReady(connection: GatewayConnection): void
  onAck(connection: GatewayConnection, deliveryId: string, ack: GatewayAck): void
  onClose(connection: GatewayConnection, code: number): void
}

/** One long connection of an app, the platform's end. */
export class GatewayConnection {
  readonly id: string
  readonly appId: string
  /** Ids of deliveries on this connection that wait for an acknowledgement. */
  readonly unackedIds = new Set<string>()
  readonly #settings: ConnectionSettings
  readonly #webSocket: WebSocket
  readonly #socket: Socket
  readonly #listener: ConnectionListener
  #state: GatewayState = 'opening'
  #acksWithheld = false
  #frozen = false
  #nextSeqId = 1n

  constructor(webSocket: WebSocket, socket: Socket, settings: ConnectionSettings, listener: ConnectionListener) {
    this.id = settings.id
    this.appId = settings.appId
    this.#settings = settings
    this.#webSocket = webSocket
    this.#socket = socket
    this.#listener = listener
    webSocket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) this.#onFrame(data)
    })
    // An error is always followed by a close, which is handled.
    webSocket.on('error', () => {})
    webSocket.on('close', (code) => {
      this.#state = 'closing'
      listener.onClose(this, code)
    })
  }

  /** The connection becomes ready with its first ping: a client loses frames that arrive together with the upgrade. [R] */
  get state(): GatewayState {
    return this.#state
  }

  get isOnline(): boolean {
    return this.#state === 'opening' || this.#state === 'ready'
  }

  /**
   * Writes an event, in fragments if it is long. Fragments have the same message_id, `sum` and `seq`, and the payload's
   * bytes are cut at any position. [S] Every frame has all seven headers. The platform's size limit is unknown. [A]
   */
  push(deliveryId: string, payload: Uint8Array): void {
    this.unackedIds.add(deliveryId)
    const spoiling = this.#settings.failures.spoilingOf('push', this.appId, this.id)
    const { fragmentBytes, id } = this.#settings
    const sum = Math.max(1, Math.ceil(payload.length / fragmentBytes))
    const traceId = newId()
    const timestamp = String(Date.now())
    for (let seq = 0; seq < sum; seq += 1) {
      const headers = {
        type: 'event',
        message_id: deliveryId,
        sum: String(sum),
        seq: String(seq),
        trace_id: traceId,
        timestamp,
        instance_id: `gateway-${id}`,
      }
      this.#send(DATA, headers, payload.subarray(seq * fragmentBytes, (seq + 1) * fragmentBytes), spoiling)
    }
  }

  close(code: number, reason = ''): void {
    this.#state = 'closing'
    this.#webSocket.close(code, reason)
  }

  reset(): void {
    this.#state = 'closing'
    this.#socket.resetAndDestroy()
  }

  withholdAcks(): void {
    this.#acksWithheld = true
  }

  forget(): void {
    this.#state = 'forgotten'
  }

  freeze(): void {
    this.#frozen = true
    // Without the listener all bytes are lost, close frames included. The end of the socket still arrives.
    this.#socket.removeAllListeners('data')
  }

  #onFrame(data: Buffer): void {
    let frame: Frame
    try {
      frame = decodeFrame(data)
    } catch {
      return // The platform's reaction to an unreadable frame is unknown. [A]
    }
    const type = headerOf(frame, 'type')
    if (frame.method === CONTROL && type === 'ping') this.#onPing()
    else if (frame.method === DATA && !this.#acksWithheld) this.#onAck(frame)
  }

  /** Sends a pong with all four fields: the Node SDK reads a missing one as NaN and pings without pause. [R] */
  #onPing(): void {
    const { failures, clientConfig } = this.#settings
    const spoiling = failures.spoilingOf('pong', this.appId, this.id)
    this.#send(CONTROL, { type: 'pong' }, Buffer.from(JSON.stringify(clientConfig)), spoiling)
    if (this.#state !== 'opening') return
    this.#state = 'ready'
    this.#listener.onReady(this)
  }

  /** Matches an acknowledgement by the message_id header: the Node SDK echoes damaged 64-bit SeqIDs and LogIDs. [R] */
  #onAck(frame: Frame): void {
    const deliveryId = headerOf(frame, 'message_id')
    const ack = readAck(frame.payload)
    if (deliveryId !== undefined && ack !== undefined) this.#listener.onAck(this, deliveryId, ack)
  }

  #send(method: number, headers: Record<string, string>, payload: Uint8Array, spoiling: Spoiling | undefined): void {
    const seqId = method === CONTROL ? 0n : this.#nextSeqId++
    // As large as the platform's ids, to find clients that rely on intact 64-bit ids.
    const logId = method === CONTROL ? 0n : 1_152_921_504_606_846_977n + seqId
    const { serviceId: service, clock } = this.#settings
    const frame = { seqId, logId, service, method, headers: Object.entries(headers), payload }
    if (spoiling === undefined) return this.#write(encodeFrame(frame))
    if (spoiling.how === 'late') return void clock.after(spoiling.delayMs, () => this.#write(encodeFrame(frame)))
    for (const message of spoil(frame, spoiling.how)) this.#write(message)
  }

  #write(message: Uint8Array | string): void {
    if (!this.#frozen) this.#webSocket.send(message)
  }
}

function readAck(payload: Uint8Array): GatewayAck | undefined {
  const answer = parse(Buffer.from(payload).toString()) as { code?: unknown; data?: unknown } | null | undefined
  if (typeof answer?.code !== 'number') return undefined
  const { code, data } = answer
  // The SDK sends the returned value as base64 of its JSON, and no data for no value. [R]
  return typeof data === 'string' ? { code, data: parse(Buffer.from(data, 'base64').toString()) } : { code }
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
