import { describe, expect, it } from 'vitest'
import { toErrorRecord } from '../../../src/core/errors.ts'
import { entryOf } from '../../../src/simulator/history/history.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { SOON_MS, startSimulator } from '../../support/simulator.ts'
import { openConnection, openEventRelay } from '../../support/bot.ts'

const REFUSED = toErrorRecord(new Error('the database is away'), 'STORE_UNAVAILABLE')

/** A connected bot whose events wait for the test. Redeliveries come 5 000 times faster than Feishu's. */
async function connected(options: Parameters<typeof openEventRelay>[0] = {}) {
  const { simulator, url, app } = await startSimulator({ timeScale: 0.0002 })
  const { eventRelay, delivered } = openEventRelay(options)
  const { reports } = openConnection(url, app, { dispatcher: eventRelay })
  await simulator.once(entryOf('connection_ready'), SOON_MS)
  await reports.next(({ kind }) => kind === 'opened')
  const write = (text: string) => simulator.sendText({ appId: app.appId, chatId: 'oc_1', text })
  return { simulator, app, eventRelay, delivered, write, reports }
}

describe('an event', () => {
  it('is acknowledged with 200 once it is accepted, and not before', async () => {
    const { simulator, eventRelay, delivered, write, reports } = await connected()
    const { messageId } = write('hello')
    const { id, event } = await delivered.next()
    expect(event).toMatchObject({ dedupeKey: `m:${messageId}`, lane: 'oc_1', type: 'im.message.receive_v1' })
    // The second ping from here was written after the event arrived, so an acknowledgement would be there before its pong.
    const pongs = () => reports.items.filter(({ kind }) => kind === 'ponged').length
    const seen = pongs()
    await reports.until(() => pongs() >= seen + 2)
    expect(simulator.history.entries.filter(({ kind }) => kind === 'acked')).toEqual([])
    eventRelay.accepted(id)
    expect(await simulator.once(entryOf('acked'), SOON_MS)).toMatchObject({ code: 200, messageId, attempt: 1 })
    expect(delivered.items).toHaveLength(1)
  })

  it('that is refused is acknowledged with 500 and comes again under the same key', async () => {
    const { simulator, eventRelay, delivered, write } = await connected()
    write('hello')
    const first = await delivered.next()
    eventRelay.refused(first.id, REFUSED)
    expect(await simulator.once(entryOf('acked'), SOON_MS)).toMatchObject({ code: 500 })
    const second = await delivered.next()
    expect(second.event.dedupeKey).toBe(first.event.dedupeKey)
    expect(second.id).not.toBe(first.id)
    eventRelay.accepted(second.id)
    expect(
      await simulator.once(
        entryOf('acked', ({ attempt }) => attempt === 2),
        SOON_MS,
      ),
    ).toMatchObject({ code: 200 })
  })

  it('that is not stored in time is acknowledged with 500, and a late acceptance changes nothing', async () => {
    const { simulator, eventRelay, delivered, write } = await connected({ acceptTimeoutMs: 50 })
    write('hello')
    const { id } = await delivered.next()
    expect(await simulator.once(entryOf('acked'), SOON_MS)).toMatchObject({ code: 500, attempt: 1 })
    eventRelay.accepted(id)
    const again = await delivered.next()
    eventRelay.accepted(again.id)
    expect(
      await simulator.once(
        entryOf('acked', ({ code }) => code === 200),
        SOON_MS,
      ),
    ).toMatchObject({ attempt: 2 })
  })

  it('beyond the credit window is refused without being delivered', async () => {
    const { simulator, eventRelay, delivered, write } = await connected({ creditWindow: 2 })
    for (const text of ['a', 'b', 'c']) write(text)
    expect(await simulator.once(entryOf('acked'), SOON_MS)).toMatchObject({ code: 500 })
    expect(delivered.items).toHaveLength(2)
    for (const { id } of delivered.items) eventRelay.accepted(id)
    const third = await delivered.next(({ id }) => id > 2)
    eventRelay.accepted(third.id)
    const acked = () => simulator.history.entries.filter((entry) => entry.kind === 'acked' && entry.code === 200)
    await simulator.once(() => acked().length === 3, SOON_MS)
    expect(new Set(delivered.items.map(({ event }) => event.dedupeKey)).size).toBe(3)
  })

  it('that could not be handed over leaves no credit behind', async () => {
    const clock = new FakeClock()
    const { eventRelay } = openEventRelay({
      clock,
      creditWindow: 1,
      deliver: () => {
        throw new Error('DataCloneError')
      },
    })
    await expect(eventRelay.invoke({})).rejects.toThrow('DataCloneError')
    await expect(eventRelay.invoke({})).rejects.toThrow('DataCloneError')
    expect(clock.timerCount).toBe(0)
  })
})

describe('an event above the payload limit', () => {
  const envelope = (text: string) => ({
    header: { event_id: 'e1', event_type: 'im.message.receive_v1' },
    event: { text, message: { message_id: 'om_1', chat_id: 'oc_1', create_time: '1700000000000' } },
  })

  async function taken(text: string, maxPayloadBytes: number) {
    const { eventRelay, delivered } = openEventRelay({ maxPayloadBytes })
    const done = eventRelay.invoke(envelope(text))
    const { id, event } = await delivered.next()
    eventRelay.accepted(id)
    await done
    return event
  }

  it('keeps its whole text at the limit and its beginning above', async () => {
    const text = 'x'.repeat(10_000)
    const bytes = Buffer.byteLength(JSON.stringify(envelope(text)))
    const whole = await taken(text, bytes)
    expect(whole.payload).toBe(JSON.stringify(envelope(text)))
    expect(whole).not.toHaveProperty('oversizeBytes')
    const cut = await taken(text, bytes - 1)
    expect(cut.oversizeBytes).toBe(bytes)
    expect(cut.payload).toBe(whole.payload.slice(0, 4_096))
  })

  it('is cut between characters and counted in bytes', async () => {
    const text = '\u{1F600}'.repeat(2_000)
    const whole = JSON.stringify(envelope(text))
    const cut = await taken(text, 5_000)
    expect(cut.oversizeBytes).toBe(Buffer.byteLength(whole))
    expect(whole.startsWith(cut.payload)).toBe(true)
    expect(Buffer.from(cut.payload).toString()).toBe(cut.payload)
    expect(Buffer.byteLength(cut.payload)).toBeGreaterThan(4_092)
    expect(Buffer.byteLength(cut.payload)).toBeLessThanOrEqual(4_096)
  })

  it('keeps the key, lane and time that stand behind the cut', async () => {
    expect(await taken('x'.repeat(10_000), 5_000)).toMatchObject({
      dedupeKey: 'm:om_1',
      eventId: 'e1',
      type: 'im.message.receive_v1',
      lane: 'oc_1',
      createdAt: 1_700_000_000_000,
    })
  })
})

describe('idle', () => {
  it('resolves when the last event is answered, whatever the answer', async () => {
    const { eventRelay, delivered } = openEventRelay()
    await eventRelay.idle()
    const order: string[] = []
    const events = [eventRelay.invoke({ uuid: 'a' }), eventRelay.invoke({ uuid: 'b' })].map((event) =>
      event.catch(() => {}),
    )
    const idle = eventRelay.idle().then(() => order.push('idle'))
    const [first, second] = delivered.items
    eventRelay.accepted(first?.id ?? 0)
    await events[0]
    order.push('first')
    eventRelay.refused(second?.id ?? 0, REFUSED)
    await idle
    expect(order).toEqual(['first', 'idle'])
  })

  it('knows when the last event came', async () => {
    const clock = new FakeClock()
    const { eventRelay } = openEventRelay({ clock })
    expect(eventRelay.lastEventAt).toBeUndefined()
    const event = eventRelay.invoke({ uuid: 'a' })
    expect(eventRelay.lastEventAt).toBe(clock.now())
    eventRelay.accepted(1)
    await event
  })
})

describe('a press on a card', () => {
  const press = (appId: string) => ({ appId, chatId: 'oc_1', value: { act: 'stop' } })
  const FAILED = { toast: { type: 'error', content: 'failed' } }

  it('is answered with what the supervisor thread says, in a lane of its own', async () => {
    const { simulator, app, eventRelay, delivered } = await connected()
    const answer = simulator.clickCard(press(app.appId))
    const { id, event } = await delivered.next()
    expect(event.lane).toBe(`card:${event.eventId}`)
    eventRelay.accepted(id, { toast: { type: 'success', content: 'done' } })
    expect(await answer).toMatchObject({
      kind: 'answered',
      code: 200,
      data: { toast: { type: 'success', content: 'done' } },
    })
  })

  it('is answered with an empty object when there is nothing to say', async () => {
    const { simulator, app, eventRelay, delivered } = await connected()
    const answer = simulator.clickCard(press(app.appId))
    eventRelay.accepted((await delivered.next()).id)
    expect(await answer).toMatchObject({ code: 200, data: {} })
  })

  it('that is refused is told to whoever pressed, and acknowledged, as it does not come again', async () => {
    const { simulator, app, eventRelay, delivered } = await connected()
    const answer = simulator.clickCard(press(app.appId))
    eventRelay.refused((await delivered.next()).id, REFUSED)
    expect(await answer).toMatchObject({ code: 200, data: FAILED })
  })

  it('that is not stored in time too', async () => {
    const { simulator, app } = await connected({ acceptTimeoutMs: 50 })
    expect(await simulator.clickCard(press(app.appId))).toMatchObject({ code: 200, data: FAILED })
  })

  it('beyond the credit window too', async () => {
    const { simulator, app, write } = await connected({ creditWindow: 1 })
    write('hello')
    expect(await simulator.clickCard(press(app.appId))).toMatchObject({ code: 200, data: FAILED })
  })
})
