import type { Bench } from 'tinybench'
import { newChild, stepChild } from '../../src/core/lifecycle/child-lifecycle.ts'
import { redact, redactText } from '../../src/core/log/redact.ts'
import { demand } from '../../src/messages/dispatch/demand.ts'
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
  const busy = Array.from({ length: 20 }, (_none, index) => ({
    botId: `bot ${index % 10}`,
    executor: 'pool' as const,
    stage: index < 4 ? ('handling' as const) : ('delivering' as const),
  }))
  const limits = { executors: [{ executor: 'pool' as const, threads: 4, botIds: () => [] }], lanesPerBot: 64 }
  const fields = { botId: 'bot', url: 'https://open.feishu.cn/x?ticket=fake', body: { app_secret: 'fake', n: 1 } }
  bench
    .add('step of a child', () => stepChild(starting, { kind: 'ready' }, 1, 0.5, supervision))
    .add('step of a connection', () =>
      stepConnection({ name: 'connecting', since: 0, attempt: 3 }, { kind: 'ended', trouble }, 1, 0.5, connection),
    )
    .add('demand with 20 busy lanes', () => demand(busy, limits))
    .add('envelope to event, with its dedupe key', () => toFeishuEvent(sample, 1))
    .add('event to message', () => toInboundEvent('bot', type, payload, 1))
    .add('redaction of the fields of a log line', () => redact(fields))
    .add('redaction of a text of 2 000 characters', () => redactText(TEXT))
}

const TEXT = `{"url":"https://user:fake@host/","token":"fake","note":"${'lorem ipsum '.repeat(160)}"}`
