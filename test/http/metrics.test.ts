import { createRequire } from 'node:module'
import { expect, it } from 'vitest'
import { ADA, addConnected, eventOf } from '../support/system.ts'
import { Client, shared, startedSupervisor } from '../support/http.ts'

/** A reader that is not by whoever wrote the text; it has no types. */
const parse = createRequire(import.meta.url)('parse-prometheus-text-format') as (
  text: string,
) => readonly { readonly name: string; readonly help: string; readonly type: string }[]

const { test } = shared()

/** Every line of the text format (version 0.0.4) is one of these. */
const GRAMMAR = [
  /^# HELP [a-zA-Z_:][\w:]* [^\n]+$/,
  /^# TYPE [a-zA-Z_:][\w:]* (counter|gauge|histogram)$/,
  /^[a-zA-Z_:][\w:]*(\{[a-zA-Z_]\w*="([^"\\\n]|\\[\\"n])*"(,[a-zA-Z_]\w*="([^"\\\n]|\\[\\"n])*")*\})? (-?\d+(\.\d+)?(e[+-]?\d+)?|\+Inf|-Inf|NaN)$/,
  /^$/,
]

it('/metrics tells Prometheus how bots, inbox, pool and messages are', async () => {
  const simulator = await test.simulator()
  const supervisor = await startedSupervisor(test, { health: { everyMs: 20, memoryMb: 1 } })
  const id = await addConnected(supervisor, ADA, simulator.url)
  const restarted = eventOf(supervisor, 'restart', () => true)
  await supervisor.killBot(id)
  await restarted
  // Each brings the acknowledgement of the one before.
  for (const text of ['hello', 'again']) {
    const replied = eventOf(supervisor, 'message', ({ stage }) => stage === 'replied')
    await simulator.client.sendText({ appId: ADA.appId, chatId: 'oc_1', text })
    await replied
  }
  const response = await new Client(supervisor).send('GET', '/metrics')
  expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4')
  const text = await response.text()
  for (const line of [
    'feishu_supervisor_up 1',
    'feishu_store_ready 1',
    `feishu_bot_state{bot="${id}",state="connected"} 1`,
    `feishu_bot_restarts_total{bot="${id}"} 1`,
    'feishu_worker_restarts_total{reason="killed"} 1',
    'feishu_alerts_total{kind="memory_high"} 1',
    'feishu_inbox_depth 0',
    'feishu_dead_letters 0',
    'feishu_pool_stuck 0',
    'feishu_pool_processes 0',
    'feishu_messages_total{stage="received"} 2',
    'feishu_messages_total{stage="replied"} 2',
    ...['received_persisted', 'persisted_claimed', 'claimed_handled', 'handled_replied', 'received_replied'].flatMap(
      (stage) => [
        `feishu_message_stage_seconds_count{stage="${stage}"} 2`,
        `feishu_message_stage_seconds_bucket{le="+Inf",stage="${stage}"} 2`,
      ],
    ),
  ]) {
    expect(text.split('\n')).toContain(line)
  }
  expect(Number(/feishu_message_stage_seconds_count\{stage="persisted_acked"\} (\d+)/.exec(text)?.[1])).toBeGreaterThan(
    0,
  )
  // The whole way is not shorter than its parts.
  const sum = (stage: string) =>
    Number(new RegExp(`feishu_message_stage_seconds_sum\\{stage="${stage}"\\} (\\S+)`).exec(text)?.[1])
  expect(sum('received_replied')).toBeGreaterThanOrEqual(sum('claimed_handled') + sum('handled_replied'))
  expect(sum('received_replied')).toBeLessThan(30)

  for (const line of text.split('\n')) expect(GRAMMAR.some((pattern) => pattern.test(line)) || line).toBe(true)
  const families = parse(text)
  const names = families.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  expect(families.filter(({ help, type }) => help === '' || !/^(COUNTER|GAUGE|HISTOGRAM)$/.test(type))).toEqual([])
  expect((await new Client(supervisor, null).send('GET', '/metrics')).status).toBe(401)
})
