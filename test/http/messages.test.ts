import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { FeishuSupervisor } from '../../src/index.ts'
import type { LaunchedSimulator } from '../../src/simulator/launch.ts'
import { ADA, addConnected, eventOf } from '../support/system.ts'
import { Client, shared, startedSupervisor } from '../support/http.ts'

const { file } = shared()
let simulator: LaunchedSimulator
let supervisor: FeishuSupervisor
let api: Client
let botId: string

/** Fails as long as the message says so, and answers the rest. */
const HANDLER = `export default async (message, ctx) => {
  if (message.text === 'fail' && globalThis.failed !== true) {
    globalThis.failed = true
    throw new Error('as asked')
  }
  await ctx.reply('done: ' + message.text)
}`

beforeAll(async () => {
  simulator = await file.simulator()
  const handler = join(await file.folder(), 'fails.mjs')
  await writeFile(handler, HANDLER)
  supervisor = await startedSupervisor(file, { handler, messages: { threads: 1, maxAttempts: 1 } })
  api = new Client(supervisor)
  botId = await addConnected(supervisor, ADA, simulator.url)
})

const stage = (wanted: string): Promise<void> => eventOf(supervisor, 'message', (event) => event.stage === wanted)

interface Listed {
  readonly items: readonly { readonly eventId: number }[]
  readonly total: number
}

async function list(path: string): Promise<Listed> {
  const { status, body } = await api.call('GET', path)
  expect({ status, body }).toMatchObject({ status: 200, body: { page: 1, limit: 20 } })
  return body as Listed
}

describe('messages over HTTP', () => {
  it('show how far each is, with its replies', async () => {
    const replied = stage('replied')
    await simulator.client.sendText({ appId: ADA.appId, chatId: 'oc_1', text: 'hello' })
    await replied
    const { items, total } = await list(`/api/feishu/messages?botId=${botId}&state=completed`)
    expect(total).toBe(1)
    expect(items[0]).toMatchObject({ botId, type: 'im.message.receive_v1', state: 'completed', attempt: 1 })
    const { body } = await api.call('GET', `/api/feishu/messages/${items[0]?.eventId}`)
    expect(body).toMatchObject({
      createdAt: expect.stringMatching(/Z$/),
      receivedAt: expect.stringMatching(/Z$/),
      persistedAt: expect.stringMatching(/Z$/),
      ackedAt: expect.stringMatching(/Z$/),
      claimedAt: expect.stringMatching(/Z$/),
      finishedAt: expect.stringMatching(/Z$/),
      payload: expect.stringContaining('hello'),
      replies: [{ part: 0, state: 'sent', attempt: 1, messageId: expect.stringMatching(/^om_/) }],
    })
    const way = body as Record<string, string>
    const instants = ['receivedAt', 'persistedAt', 'ackedAt', 'finishedAt'].map((name) => Date.parse(way[name] ?? ''))
    expect(instants).toEqual(instants.toSorted((a, b) => a - b))
    expect(await api.call('GET', '/api/feishu/messages/999999')).toMatchObject({ status: 404 })
    expect(await api.call('GET', '/api/feishu/messages/x')).toMatchObject({ status: 400 })
    expect(await list('/api/feishu/messages?botId=bot_none')).toMatchObject({ items: [], total: 0 })
  })

  it('that were given up are listed and put back', async () => {
    const dead = stage('dead')
    await simulator.client.sendText({ appId: ADA.appId, chatId: 'oc_2', text: 'fail' })
    await dead
    const { items, total } = await list('/api/feishu/dead-letters')
    expect(total).toBe(1)
    expect(items[0]).toMatchObject({ kind: 'event', botId, reason: expect.any(String), endedAt: expect.any(String) })
    const path = `/api/feishu/dead-letters/${items[0]?.eventId}/resubmit`
    const replied = stage('replied')
    expect(await api.call('POST', path, {})).toEqual({
      status: 200,
      body: { success: true, eventId: items[0]?.eventId },
    })
    await replied
    expect(await list('/api/feishu/dead-letters')).toMatchObject({ items: [], total: 0 })
    expect(await api.call('POST', path, {})).toMatchObject({ status: 404 })
    expect(await api.call('POST', path, { parts: 1 })).toMatchObject({ status: 400 })
  })

  it('are told as they happen, and again from where a client stopped', async () => {
    const first = await open()
    await first.until('"stage":"received"', () =>
      simulator.client.sendText({ appId: ADA.appId, chatId: 'oc_3', text: 'one' }),
    )
    await first.close()
    const lastId = first.text.match(/id: (\S+)/)?.[1] ?? ''
    const replied = stage('replied')
    await simulator.client.sendText({ appId: ADA.appId, chatId: 'oc_3', text: 'two' })
    await replied
    const second = await open({ 'last-event-id': lastId })
    await second.until('"stage":"replied"')
    expect(second.text).not.toContain(lastId)
    expect(second.text).not.toContain('missed')
    await second.close()
    const stranger = await open({ 'last-event-id': 'ffffffff-1' })
    await stranger.until('event: missed')
    await stranger.until('event: restart', () => supervisor.killBot(botId))
    await stranger.close()
  })
})

async function open(headers: Record<string, string> = {}) {
  const response = await api.send('GET', '/api/feishu/events', undefined, headers)
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const decoder = new TextDecoder()
  const stream = {
    text: '',
    async until(wanted: string, act: () => Promise<unknown> = () => Promise.resolve()): Promise<void> {
      await act()
      while (!stream.text.includes(wanted)) {
        const { value, done } = await reader.read()
        if (done) throw new Error(`the stream ended before ${wanted}: ${stream.text}`)
        stream.text += decoder.decode(value, { stream: true })
      }
    },
    close: () => reader.cancel(),
  }
  return stream
}
