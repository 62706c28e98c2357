import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { WebSocket, WebSocketServer } from 'ws'
import { closeLater } from '../support/simulator.ts'

/** An answer on its way to the client. */
export interface WrongAnswer {
  status: number
  headers: Record<string, string>
  /** Undefined where the body is no JSON. */
  json: Record<string, unknown> | undefined
}

/** One mistake that a simulator could make. */
export interface Mistake {
  readonly name: string
  /** The check that has to notice it. */
  readonly caughtBy: string
  /** Spoils an answer. */
  answer?(path: string, answer: WrongAnswer): void
  /** Spoils the body of a call before the platform sees it. */
  call?(path: string, body: Record<string, unknown>): void
  /** Frames to the client instead of this one. */
  down?(frame: Buffer): readonly Buffer[]
  /** Frames to the platform instead of this one. */
  up?(frame: Buffer): readonly Buffer[]
  /** Frames to the platform as soon as the connection is open. */
  readonly opening?: readonly Buffer[]
}

/** Sits in front of a simulator and makes a mistake. Returns its URL. */
export async function startWrongPlatform(target: string, mistake: Mistake): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((request, response) => void relay(target, mistake, request, response))
  const webSockets = new WebSocketServer({ noServer: true })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('upgrade', (request, socket, head) => {
    const upstream = new WebSocket(new URL(request.url ?? '/', target.replace('http:', 'ws:')))
    upstream.on('error', () => socket.destroy())
    upstream.on('unexpected-response', (_request, answer) => {
      const lines = Object.entries(answer.headers).map(([name, value]) => `${name}: ${String(value)}\r\n`)
      socket.end(`HTTP/1.1 ${answer.statusCode} Refused\r\n${lines.join('')}\r\n`)
    })
    upstream.on('open', () => {
      webSockets.handleUpgrade(request, socket, head, (client) => {
        for (const frame of mistake.opening ?? []) upstream.send(frame)
        upstream.on('message', (data: Buffer) => {
          for (const frame of mistake.down?.(data) ?? [data]) client.send(frame)
        })
        client.on('message', (data: Buffer) => {
          for (const frame of mistake.up?.(data) ?? [data]) upstream.send(frame)
        })
        client.on('close', () => upstream.terminate())
        upstream.on('close', () => client.terminate())
      })
    })
  })
  server.listen(0, '127.0.0.1')
  closeLater(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function relay(
  target: string,
  mistake: Mistake,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = request.url ?? '/'
  const body = await buffer(request)
  const answer = await fetch(target + path, {
    method: request.method ?? 'GET',
    headers: plain(request.headers),
    ...(body.length > 0 && request.method !== 'GET' && { body: spoiledBody(mistake, path, body) }),
  })
  const bytes = Buffer.from(await answer.arrayBuffer())
  const wrong: WrongAnswer = { status: answer.status, headers: Object.fromEntries(answer.headers), json: parse(bytes) }
  mistake.answer?.(path, wrong)
  for (const name of ['content-length', 'transfer-encoding', 'connection', 'keep-alive']) delete wrong.headers[name]
  // The client is to come back here, not to the platform behind.
  const own = String(request.headers.host)
  const text = wrong.json && JSON.stringify(wrong.json).replaceAll(new URL(target).host, own)
  response.writeHead(wrong.status, wrong.headers)
  response.end(text ?? bytes)
}

function spoiledBody({ call }: Mistake, path: string, body: Buffer): Buffer {
  const json = parse(body)
  if (call === undefined || json === undefined) return body
  call(path, json)
  return Buffer.from(JSON.stringify(json))
}

function plain(headers: IncomingHttpHeaders): Record<string, string> {
  const { host: _, connection: __, 'content-length': ___, ...rest } = headers
  return Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, String(value)]))
}

function parse(bytes: Buffer): Record<string, unknown> | undefined {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return undefined
  }
}
