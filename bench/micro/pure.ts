import type { Bench } from 'tinybench'
import { newChild, stepChild } from '../../src/core/lifecycle/child-lifecycle.ts'
import { redact, redactText } from '../../src/core/log/redact.ts'
import { demand } from '../../src/messages/dispatch/demand.ts'
import { type BusyLane, LaneLoad } from '../../src/messages/dispatch/lane-load.ts'
import { toInboundEvent } from '../../src/messages/inbound/to-inbound-event.ts'
import { resolveOptions } from '../../src/options/options.ts'
import { toFeishuEvent } from '../../src/protocol/model/feishu-event.ts'
import { stepConnection } from '../../workers/bot/connection/connection-lifecycle.ts'
import { envelope } from './sample.ts'

/** What runs without any other thread: the tables, what is done to every event, and what to every log line. */
export function addPure(bench: Bench): void {
  const { connection, supervision } = resolveOptions().thread
  const starting = stepChild(newChild(0), { kind: 'start' }, 0, 0.5, supervision).child
  const trouble = { kind: 'network', code: 'ECONNRESET', message: 'the connection was reset' } as const
  const sample = envelope(1)
  const { type, payload } = toFeishuEvent(sample, 1)
  const load = new LaneLoad<BusyLane>()
  const botIds = Array.from({ length: 10 }, (_none, index) => `bot ${index}`)
  for (let index = 0; index < 1_000; index += 1) {
    load.add({ botId: `bot ${index % 5}`, executor: 'pool', stage: index % 2 === 0 ? 'running' : 'delivering' })
  }
  const room = { capacity: 1_024, reserved: 0, promised: 0, ahead: 0, botIds: () => botIds }
  const fields = { botId: 'bot', url: 'https://open.feishu.cn/x?ticket=fake', body: { app_secret: 'fake', n: 1 } }
  bench
    .add('step of a child', () => stepChild(starting, { kind: 'ready' }, 1, 0.5, supervision))
    .add('step of a connection', () =>
      stepConnection({ name: 'connecting', since: 0, attempt: 3 }, { kind: 'ended', trouble }, 1, 0.5, connection),
    )
    .add('demand with 1 000 busy lanes', () => demand([{ load, room }], { lanesPerBot: 64, maxBatch: 200 }))
    .add('envelope to event, with its dedupe key', () => toFeishuEvent(sample, 1))
    .add('event to message', () => toInboundEvent('bot', type, payload, 1))
    .add('redaction of the fields of a log line', () => redact(fields))
    .add('redaction of a text of 2 000 characters', () => redactText(TEXT))
}

const TEXT = `{"url":"https://user:fake@host/","token":"fake","note":"${'lorem ipsum '.repeat(160)}"}`
