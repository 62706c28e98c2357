import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { API_TOKEN, Cleanups } from '../support/system.ts'

const cleanups = new Cleanups()
afterAll(cleanups.run)

const WEBHOOK = '/api/feishu/webhook/cli_00000000000000a1'
const MB = 1024 * 1024
const SOON_MS = 5_000
const MOST_GROWTH_MB = 50

let host: ChildProcess
let url: string

beforeAll(async () => {
  const entry = fileURLToPath(new URL('../fixtures/http-host.mjs', import.meta.url))
  host = fork(entry, [await cleanups.dataDir(), API_TOKEN], { execArgv: [] })
  cleanups.add(async () => {
    const exited = once(host, 'exit')
    if (host.exitCode === null && host.kill('SIGKILL')) await exited
  })
  const [{ url: given }] = (await once(host, 'message')) as [{ url: string }]
  url = given
})

/** Resident memory of the process that serves, megabytes. */
async function memoryMb(): Promise<number> {
  const status = await readFile(`/proc/${host.pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024
}

async function open(): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  cleanups.add(() => Promise.resolve(socket.destroy()))
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

const head = (path: string, more: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${API_TOKEN}\r\nContent-Type: application/json\r\n${more}\r\n\r\n`

/** Writes as much as the other side takes, until it closes or all is written; the first line of its answer. */
async function pour(socket: Socket, bytes: number): Promise<string> {
  const answers: string[] = []
  socket.setEncoding('latin1').on('data', (text: string) => answers.push(text))
  const closed = once(socket, 'close')
  const chunk = Buffer.alloc(65_536, 'x')
  for (let sent = 0; sent < bytes && !socket.destroyed && answers.length === 0; sent += chunk.length) {
    if (!socket.write(chunk)) await Promise.race([once(socket, 'drain'), closed, once(socket, 'data')])
  }
  if (!socket.destroyed && answers.length === 0) await Promise.race([once(socket, 'data'), closed])
  socket.destroy()
  return answers.join('').split('\r\n')[0] ?? ''
}

describe.skipIf(process.platform !== 'linux')('H4: the process lives, in little more memory, and', () => {
  it.each([
    ['a webhook of 200 MB', WEBHOOK, `Content-Length: ${200 * MB}`, 413],
    ['a webhook of 200 MB that does not say so', WEBHOOK, 'Transfer-Encoding: chunked', 413],
    ['an order of 200 MB', '/api/feishu/bots', `Content-Length: ${200 * MB}`, 413],
  ])('%s is refused', async (_what, path, headers, status) => {
    const before = await memoryMb()
    const startedAt = performance.now()
    const socket = await open()
    socket.write(head(path, headers))
    const isChunked = headers.includes('chunked')
    // One chunk as large as all of it.
    if (isChunked) socket.write(`${(200 * MB).toString(16)}\r\n`)
    expect(await pour(socket, 200 * MB)).toContain(`HTTP/1.1 ${status}`)
    expect(performance.now() - startedAt).toBeLessThan(SOON_MS)
    expect((await memoryMb()) - before).toBeLessThan(MOST_GROWTH_MB)
  })

  it('a gzip bomb is not opened', async () => {
    const before = await memoryMb()
    const bomb = gzipSync(Buffer.alloc(200 * MB))
    for (const path of [WEBHOOK, '/api/feishu/bots']) {
      const answer = await fetch(url + path, {
        method: 'POST',
        body: bomb,
        headers: {
          authorization: `Bearer ${API_TOKEN}`,
          'content-type': 'application/json',
          'content-encoding': 'gzip',
        },
      })
      expect([400, 413, 415]).toContain(answer.status)
    }
    expect((await memoryMb()) - before).toBeLessThan(MOST_GROWTH_MB)
  })

  it('nonsense is refused', async () => {
    for (const body of ['{"encrypt":"AAAA"}', '42', '', `[${'['.repeat(50_000)}`, randomBytes(60_000)]) {
      for (const path of [WEBHOOK, '/api/feishu/bots']) {
        const headers = { authorization: `Bearer ${API_TOKEN}`, 'content-type': 'application/json' }
        const { status } = await fetch(url + path, { method: 'POST', body, headers })
        // The one that is not started here knows no bot at all.
        expect(path === WEBHOOK ? [401, 503] : [400]).toContain(status)
      }
    }
  })

  it('1000 clients that say nothing, half a header or a slow body leave room for a guest, and are let go', async () => {
    const before = await memoryMb()
    const says = [
      '',
      'GET /healthz HTTP/1.1\r\nHost: lo',
      `${head(WEBHOOK, 'Content-Length: 1000')}{`,
      `${head('/api/feishu/bots', 'Content-Length: 1000')}{`,
    ]
    const stays = Array.from({ length: 1_000 }, async (_nothing, index) => {
      const socket = await open()
      const openedAt = performance.now()
      // Not read, an answer would keep the end out of sight.
      socket.resume()
      socket.write(says[index % says.length] ?? '')
      await once(socket, 'close')
      return performance.now() - openedAt
    })
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    expect(Math.max(...(await Promise.all(stays)))).toBeLessThan(SOON_MS)
    expect((await memoryMb()) - before).toBeLessThan(MOST_GROWTH_MB)
  })

  it('and the process lives', async () => {
    expect(host.exitCode).toBeNull()
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
  })
})
