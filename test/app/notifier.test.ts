import { createHmac } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { Notifier } from '../../src/app/notifier.ts'
import { createLogger, type LogRecord } from '../../src/core/log/logger.ts'
import type { Alert } from '../../src/protocol/model/events.ts'
import { Recorder } from '../support/recorder.ts'
import { listen } from '../support/bot.ts'
import { FakeClock, settle } from '../support/fake-clock.ts'
import { closeLater } from '../support/simulator.ts'

const KEY = Buffer.from('a key of thirty-two bytes, fake!')
const secret = `whsec_${KEY.toString('base64')}`

const ALERT: Alert = {
  at: Date.UTC(2026, 0, 2, 3, 4, 5),
  kind: 'connection_failing',
  state: 'raised',
  botId: 'b1',
  name: 'Helper',
  cause: 'no route, token=canary',
  nextStep: 'it tries again by itself',
  nextAt: Date.UTC(2026, 0, 2, 3, 5, 5),
}

interface Received {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A receiver that answers with the given statuses in order, then 204; 0 hangs up. */
async function receiving(statuses: number[] = []) {
  const received = new Recorder<Received>()
  const { url } = await listen(() =>
    createServer((request, response) => {
      void text(request).then((body) => {
        const status = statuses.shift() ?? 204
        if (status === 0) response.destroy()
        else response.writeHead(status).end()
        received.add({ headers: request.headers, body })
      })
    }),
  )
  const clock = new FakeClock()
  const logs = new Recorder<LogRecord>()
  const logger = createLogger('test', logs.add)
  const notifier = new Notifier({ url, secret, clock, random: () => 0.5, logger })
  closeLater(() => notifier.close())
  /** Lets the pause after a failed try pass. */
  const passPause = async (): Promise<void> => {
    while (clock.timerCount === 0) await settle()
    await clock.advance(60_000)
  }
  return { notifier, received, logs, clock, passPause }
}

function isSigned({ headers, body }: Received): boolean {
  const content = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`
  return headers['webhook-signature'] === `v1,${createHmac('sha256', KEY).update(content).digest('base64')}`
}

describe('a notification', () => {
  it('is signed as Standard Webhooks says, says what the alert says and keeps secrets out', async () => {
    const { notifier, received, clock } = await receiving()
    notifier.notify(ALERT)
    const one = await received.next()
    expect(isSigned(one)).toBe(true)
    expect(one.headers['webhook-id']).toMatch(/^msg_[0-9a-f]{24}$/)
    expect(one.headers['webhook-timestamp']).toBe(String(Math.floor(clock.now() / 1000)))
    expect(JSON.parse(one.body)).toEqual({
      type: 'alert.raised',
      timestamp: '2026-01-02T03:04:05.000Z',
      data: {
        kind: 'connection_failing',
        botId: 'b1',
        name: 'Helper',
        cause: 'no route, token=***',
        nextStep: 'it tries again by itself',
        nextAt: '2026-01-02T03:05:05.000Z',
      },
    })
  })

  it('is tried again with the same id and a fresh signature until it is taken, and the next one waits', async () => {
    const { notifier, received, logs, passPause } = await receiving([500, 0, 302])
    notifier.notify(ALERT)
    notifier.notify({ ...ALERT, state: 'cleared' })
    for (let failed = 0; failed < 3; failed += 1) await passPause()
    await received.until(() => received.items.length === 5)
    expect(received.items.every(isSigned)).toBe(true)
    const ids = received.items.map(({ headers }) => headers['webhook-id'])
    expect(new Set(ids.slice(0, 4)).size).toBe(1)
    expect(ids[4]).not.toBe(ids[0])
    const times = received.items.map(({ headers }) => headers['webhook-timestamp'])
    expect(times[1]).not.toBe(times[0])
    expect(received.items.map(({ body }) => (JSON.parse(body) as { type: string }).type)).toEqual([
      ...Array.from({ length: 4 }, () => 'alert.raised'),
      'alert.cleared',
    ])
    expect(logs.items.map(({ level }) => level)).toEqual(['warn'])
  })

  it('that nobody takes makes room in the end, and is logged', async () => {
    const { notifier, received, logs, passPause } = await receiving(Array.from({ length: 15 }, () => 503))
    notifier.notify(ALERT)
    notifier.notify({ ...ALERT, state: 'cleared' })
    for (let failed = 0; failed < 14; failed += 1) await passPause()
    await received.until(() => received.items.length === 16)
    expect(received.items[15]?.body).toContain('alert.cleared')
    expect(logs.items.at(-1)).toMatchObject({ level: 'error', message: expect.stringContaining('HTTP status 503') })
  })

  it('of which too many wait gives up the oldest', async () => {
    const { notifier, received, logs, passPause } = await receiving([500])
    notifier.notify(ALERT)
    await received.next()
    for (let n = 0; n < 103; n += 1) notifier.notify({ ...ALERT, attempt: n })
    expect(logs.items.filter(({ message }) => message.includes('an alert was not sent'))).toHaveLength(3)
    await passPause()
    await received.until(() => received.items.length === 102)
    expect(JSON.parse(received.items[2]?.body ?? '')).toMatchObject({ data: { attempt: 3 } })
  })

  it('is given up when the supervisor stops, and nothing holds the process', async () => {
    const { notifier, received, clock } = await receiving([500])
    notifier.notify(ALERT)
    notifier.notify(ALERT)
    await received.next()
    while (clock.timerCount === 0) await settle()
    notifier.close()
    expect(clock.timerCount).toBe(0)
    // It can be started again.
    notifier.notify({ ...ALERT, name: 'again' })
    expect((await received.next()).body).toContain('again')
    expect(received.items).toHaveLength(2)
  })
})
