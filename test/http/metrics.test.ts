import { expect, it } from 'vitest'
import { ADA, addConnected, eventOf } from '../system/support.ts'
import { Client, shared, startedSupervisor } from './support.ts'

const { test } = shared()

it('/metrics tells Prometheus how bots, inbox and pool are', async () => {
  const simulator = await test.simulator()
  const supervisor = await startedSupervisor(test)
  const id = await addConnected(supervisor, ADA, simulator.url)
  const replied = eventOf(supervisor, 'message', ({ stage }) => stage === 'replied')
  await simulator.client.sendText({ appId: ADA.appId, chatId: 'oc_1', text: 'hello' })
  await replied
  const response = await new Client(supervisor).send('GET', '/metrics')
  expect(response.headers.get('content-type')).toContain('text/plain')
  const text = await response.text()
  for (const line of [
    'feishu_supervisor_up 1',
    'feishu_store_ready 1',
    `feishu_bot_state{bot="${id}",state="connected"} 1`,
    `feishu_bot_restarts_total{bot="${id}"} 0`,
    'feishu_inbox_depth 0',
    'feishu_dead_letters 0',
    'feishu_messages_total{stage="received"} 1',
    'feishu_messages_total{stage="replied"} 1',
  ]) {
    expect(text.split('\n')).toContain(line)
  }
  // Every line is a comment or a sample, every sample has its type before it.
  const named = new Set<string>()
  for (const line of text.trimEnd().split('\n')) {
    const [, typed] = /^# TYPE (\w+) (?:gauge|counter)$/.exec(line) ?? []
    if (typed !== undefined) named.add(typed)
    if (line.startsWith('# ')) continue
    expect(line).toMatch(/^\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? -?\d+(\.\d+)?(e-?\d+)?$/)
    expect(named).toContain(/^\w+/.exec(line)?.[0])
  }
  expect((await new Client(supervisor, null).send('GET', '/metrics')).status).toBe(401)
})
