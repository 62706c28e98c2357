import { randomInt, randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { WebSocketServer } from 'ws'
import type { FaultPlan, FaultVerdict } from '../faults/fault-plan.ts'
import type { Clock } from '../../core/time/clock.ts'
import type { Assumptions } from '../shared/assumptions.ts'
import type { ClientConfig } from './client-config.ts'
import { type ConnectionListener, GatewayConnection } from './gateway-connection.ts'
import type { History } from '../history/history.ts'
import { newId } from '../shared/ids.ts'

/** Codes of a refused handshake in the SDKs. [S] */
const AUTH_FAILED = 514
const NO_CREDENTIAL = 1000040344
export const EXCEEDED_CONNECTION_LIMIT = 1000040350
/** Close code of another form of the connection limit. [F] */
const TOO_MANY_CONNECTIONS = 3001

export interface GatewayOptions {
  readonly clientConfig: ClientConfig
  readonly fragmentBytes: number
  readonly assumptions: Pick<Assumptions, 'maxConnections' | 'connectionLimitAt'>
  readonly failures: FaultPlan
  readonly clock: Clock
  readonly history: History
  readonly listener: ConnectionListener
}

interface Ticket {
  readonly appId: string
  readonly connectionId: string
  readonly serviceId: number
}

/** WebSocket server of the platform: checks tickets and keeps the connections of every app. */
export class Gateway {
  readonly #options: GatewayOptions
  readonly #webSocketServer = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  readonly #tickets = new Map<string, Ticket>()
  readonly #connections = new Map<string, Set<GatewayConnection>>()

  constructor(options: GatewayOptions) {
    this.#options = options
  }

  connectionsOf(appId: string): GatewayConnection[] {
    return [...(this.#connections.get(appId) ?? [])]
  }

  /** Number of the app's connections that count as alive. */
  onlineCount(appId: string): number {
    return this.connectionsOf(appId).filter(({ isOnline }) => isOnline).length
  }

  /** Whether the connection limit refuses one more connection at this place. */
  isFullAt(place: Assumptions['connectionLimitAt'], appId: string): boolean {
    const { maxConnections, connectionLimitAt } = this.#options.assumptions
    // The handshake refuses a ticket that was issued before the limit was reached.
    const isHere = place === connectionLimitAt || (place === 'handshake' && connectionLimitAt === 'discovery')
    return isHere && this.connectionsOf(appId).length >= maxConnections
  }

  /**
   * Creates a URL that opens one connection. The credential is only in the URL. [S] `fpid` comes first, because the Node
   * SDK cannot read the first parameter of a URL. [R]
   */
  issueUrl(appId: string, origin: string): string {
    const ticket = randomUUID()
    const connectionId = `763${randomInt(1e7, 1e8)}${randomInt(1e7, 1e8)}`
    const serviceId = 33_554_678
    this.#tickets.set(ticket, { appId, connectionId, serviceId })
    const query = new URLSearchParams({
      fpid: '493',
      aid: '552564',
      device_id: connectionId,
      access_key: newId(),
      service_id: String(serviceId),
      ticket,
    })
    return `${origin.replace('http:', 'ws:')}/ws/v2?${query.toString()}`
  }

  /** Answers an upgrade: 101 for an unused ticket, else an HTTP answer with the reason in Handshake-* headers. [S] */
  handleUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', () => socket.destroy())
    const { failures, clock } = this.#options
    const name = new URL(request.url ?? '/', 'ws://gateway').searchParams.get('ticket') ?? ''
    const ticket = this.#tickets.get(name)
    const verdict = failures.decide('handshake', ticket?.appId ?? '')
    if (verdict.kind === 'hang') return
    if (verdict.kind === 'fail') {
      return refuse(socket, verdict.http, verdict.code, verdict.code, verdict.msg, verdict.headers)
    }
    this.#tickets.delete(name)
    if (verdict.kind === 'proceed' && verdict.delayMs !== undefined) {
      clock.after(verdict.delayMs, () => this.#admit(ticket, verdict, request, socket, head))
    } else {
      this.#admit(ticket, verdict, request, socket, head)
    }
  }

  /** Drops all tickets and connections. */
  restart(): void {
    this.#tickets.clear()
    for (const connections of this.#connections.values()) for (const connection of connections) connection.reset()
  }

  #admit(
    ticket: Ticket | undefined,
    verdict: FaultVerdict,
    request: IncomingMessage,
    socket: Socket,
    head: Buffer,
  ): void {
    if (verdict.kind === 'lose_answer') {
      socket.destroy()
    } else if (ticket === undefined) {
      refuse(socket, 403, AUTH_FAILED, NO_CREDENTIAL, 'ticket is unknown or used')
    } else if (this.isFullAt('handshake', ticket.appId)) {
      refuse(socket, 403, AUTH_FAILED, EXCEEDED_CONNECTION_LIMIT, 'the number of connections exceeded the limit')
    } else {
      this.#open(ticket, request, socket, head)
    }
  }

  #open({ appId, connectionId, serviceId }: Ticket, request: IncomingMessage, socket: Socket, head: Buffer): void {
    const { clientConfig, fragmentBytes, failures, history, clock, listener } = this.#options
    const connections = this.#connections.get(appId) ?? new Set()
    this.#connections.set(appId, connections)
    const isOneTooMany = this.isFullAt('close', appId)
    this.#webSocketServer.handleUpgrade(request, socket, head, (webSocket) => {
      const settings = { id: connectionId, appId, serviceId, clientConfig, fragmentBytes, failures, clock }
      const connection = new GatewayConnection(webSocket, socket, settings, {
        onReady() {
          if (isOneTooMany) return connection.close(TOO_MANY_CONNECTIONS, 'backbone registered too many conns')
          history.append({ kind: 'connection_ready', appId, connectionId })
          listener.onReady(connection)
        },
        onAck: (...ack) => listener.onAck(...ack),
        onClose(_connection, code) {
          connections.delete(connection)
          const unackedCount = connection.unackedIds.size
          history.append({ kind: 'connection_closed', appId, connectionId, code, unackedCount })
          listener.onClose(connection, code)
        },
      })
      connections.add(connection)
      history.append({ kind: 'connection_opened', appId, connectionId })
    })
  }
}

/** Refuses an upgrade. The HTTP status is unknown [A]; SDKs that read refusals use the headers. [S] */
function refuse(
  socket: Socket,
  http: number,
  status: number,
  authErrorCode: number,
  msg: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const lines = Object.entries({
    'Handshake-Status': String(status),
    'Handshake-Msg': msg,
    'Handshake-Autherrcode': String(authErrorCode),
    'Content-Length': '0',
    Connection: 'close',
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${http} Refused\r\n${lines.join('')}\r\n`)
}
