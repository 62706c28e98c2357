import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { ADA, eventOf } from '../support/system.ts'
import { Client, shared, startedSupervisor } from '../support/http.ts'

const { test } = shared()

const ANYTHING: unknown = expect.anything()

interface Call {
  readonly method: string
  readonly path: string
  readonly body: string
  readonly status: number
  readonly answer: unknown
}

async function callsOf(file: string): Promise<Call[]> {
  const text = await readFile(fileURLToPath(new URL(`../../docs/${file}`, import.meta.url)), 'utf8')
  const blocks = text.matchAll(/```http\n(\w+) (\S+)\n(?:\n([\s\S]*?))?```\n[\s\S]*?```json (\d+)\n([\s\S]*?)```/g)
  return [...blocks].map(([, method = '', path = '', body = '', status, answer = '']) => ({
    method,
    path,
    body,
    status: Number(status),
    answer: JSON.parse(answer),
  }))
}

it('docs/http-api.md says what happens', async () => {
  const simulator = await test.simulator()
  const supervisor = await startedSupervisor(test, { allowedDomains: [simulator.url] })
  const values: Record<string, string> = { feishu: simulator.url }
  const filled = (text: string): string => text.replaceAll(/\{\{(\w+)\}\}/g, (all, name: string) => values[name] ?? all)

  /** Keeps what the document names, and compares the rest: `…` is anything, objects may have more. */
  const compare = (seen: unknown, said: unknown): unknown => {
    if (said === '…') return ANYTHING
    if (typeof said === 'string') {
      const [, name] = /^\{\{(\w+)\}\}$/.exec(said) ?? []
      if (name === undefined) return said
      values[name] ??= String(seen)
      return typeof seen === 'number' ? Number(values[name]) : values[name]
    }
    if (Array.isArray(said)) return said.map((item, index) => compare((seen as unknown[])?.[index], item))
    if (typeof said !== 'object' || said === null) return said
    const fields = Object.entries(said).map(([key, value]) => [key, compare(Object(seen)[key], value)])
    return expect.objectContaining(Object.fromEntries(fields))
  }

  const connected = eventOf(supervisor, 'bot', ({ connection }) => connection.state === 'connected')
  const replied = eventOf(supervisor, 'message', ({ stage }) => stage === 'replied')
  const calls = await callsOf('http-api.md')
  expect(calls.length).toBeGreaterThan(12)
  for (const { method, path, body, status, answer } of calls) {
    const client = new Client(supervisor, values['token'])
    const seen = await client.call(method, filled(path), body === '' ? undefined : JSON.parse(filled(body)))
    expect({ method, path, ...seen }).toEqual({ method, path, status, body: compare(seen.body, answer) })
    if (path.endsWith('/ws/connect')) await connected
    if (path.startsWith('/api/feishu/bots?')) {
      await simulator.client.sendText({ appId: ADA.appId, chatId: 'oc_1', text: 'hello' })
      await replied
    }
  }
})
