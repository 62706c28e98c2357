import { expect, it } from 'vitest'
import { htmlReport } from '../../bench/report/page.ts'
import { distribution, ratio } from '../../bench/report/figures.ts'
import { targetRows, textReport } from '../../bench/report/table.ts'
import { judge } from '../../bench/report/targets.ts'
import type { Section } from '../../bench/run.ts'
import { runOpenLoad } from '../../bench/process/load.ts'
import { FeishuSimulator } from '../../src/simulator/simulator.ts'
import { closeLater, connectSdk, newApp, sdkClient } from '../support/simulator.ts'

it('tells percentiles to three figures', () => {
  const { count, p50, p99, max, curve } = distribution(Array.from({ length: 1000 }, (_, index) => index + 1))
  expect(count).toBe(1000)
  expect(p50).toBeCloseTo(500, -1)
  expect(p99).toBeCloseTo(990, -1)
  expect(max).toBeCloseTo(1000, -1)
  // 99.95 % of a thousand would be less than one latency.
  expect(curve.at(-1)?.[0]).toBe(99.9)
})

it('takes ratios repeat by repeat', () => {
  expect(ratio([2, 30, 9], [1, 10, 3])).toEqual({ value: 3, least: 2, most: 3 })
})

it('judges by the median, upwards and downwards, and says what was not measured', () => {
  const at = (value: number) => ({ value, least: value, most: value })
  expect(judge('T1', at(1)).isMet).toBe(true)
  expect(judge('T1', at(1.01)).isMet).toBe(false)
  expect(judge('T3', at(1.9)).isMet).toBe(false)
  expect(judge('T3', at(2)).isMet).toBe(true)
  expect(judge('T2', at(Number.NaN)).isMet).toBe(false)
  const latency = distribution([1, 2, 3])
  const section: Section = {
    title: 'Latency',
    note: 'a <note>',
    findings: [{ kind: 'latency', name: 'supervisor', ack: latency, reply: latency, missing: 1 }],
    verdicts: [judge('T1', at(0.5))],
  }
  expect(targetRows([section]).filter(({ verdict }) => verdict !== undefined)).toHaveLength(1)
  expect(textReport([section])).toMatch(/T1 +met +0\.5/)
  expect(textReport([section])).toMatch(/T2 +not measured/)
  const html = htmlReport({
    plan: 'smoke',
    seconds: 1,
    at: '2026-01-01T00:00:00.000Z',
    commit: 'abc',
    machine: { cores: 2, processor: 'x', memoryGb: 4, system: 'linux x64', busyCores: 0 },
    versions: { node: 'v20' },
    sections: [section],
  })
  expect(html).toContain('a &lt;note&gt;')
  // Self-contained: nothing is loaded from anywhere.
  expect(html).not.toMatch(/\b(src|href)=|https?:/)
  expect(html).not.toContain('NaN')
})

it('counts latency from the instant a message was due, and what never came', async () => {
  const simulator = new FeishuSimulator()
  closeLater(() => simulator.stop())
  const { url } = await simulator.start()
  const app = newApp()
  simulator.addApp(app)
  const client = sdkClient(url, app)
  let received = 0
  connectSdk(url, app, ({ message }) => {
    received += 1
    // The second of four stays without an answer.
    if (received === 2) return
    void client.im.v1.message.reply({
      path: { message_id: message.message_id },
      data: { msg_type: 'text', content: JSON.stringify({ text: 'yes' }) },
    })
  })
  await simulator.once((entry) => entry.kind === 'connection_ready', 10_000)
  // Held up as it sends: what was due meanwhile is late, and its latency says so.
  const unsubscribe = simulator.history.subscribe((entry) => {
    if (entry.kind !== 'sent' || !entry.text.endsWith(' 1')) return
    for (const until = performance.now() + 100; performance.now() < until; );
  })
  const { ackMs, replyMs, missing, maxLateMs } = await runOpenLoad(simulator, {
    prefix: 'load',
    chats: [{ appId: app.appId, chatId: 'oc_1' }],
    perSecond: 50,
    warmupMs: 20,
    durationMs: 60,
    patienceMs: 1_000,
  })
  unsubscribe()
  expect(missing).toBe(1)
  expect(ackMs).toHaveLength(3)
  expect(replyMs).toHaveLength(2)
  // Due 20 and 40 ms after the message that held everything up for 100 ms.
  expect(maxLateMs).toBeGreaterThan(50)
  expect(Math.min(...replyMs)).toBeGreaterThan(40)
})
