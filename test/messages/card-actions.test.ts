import { describe, expect, it } from 'vitest'
import { AckTimes } from '../../src/messages/intake/ack-times.ts'
import { CardActions } from '../../src/messages/intake/card-actions.ts'
import { createDispatcher } from '../../src/messages/create-dispatcher.ts'
import { Intake } from '../../src/messages/intake/intake.ts'
import { DEFAULT_OPTIONS } from './default-options.ts'
import type { CardResponse, InboundEventKind } from '../../src/protocol/model/inbound-event.ts'
import type { FeishuEvent } from '../../src/protocol/model/message.ts'
import {
  FakePool,
  noCards,
  noCalls,
  oneHandler,
  plainBots,
  failed,
  handled,
  messageEvent,
  SENT,
} from './dispatcher-bench.ts'
import { FakeClock, settle } from '../support/fake-clock.ts'
import { MemoryStore } from './memory-store.ts'

const PENDING = { toast: { type: 'info', content: 'wait' } }
const DONE: CardResponse = { toast: { type: 'success', content: 'done' } }

function press(eventId: string, event: object = {}): FeishuEvent {
  const body = {
    operator: { open_id: 'ou_1' },
    action: { value: { act: 'x' } },
    context: { open_chat_id: 'c' },
    ...event,
  }
  return {
    dedupeKey: `e:${eventId}`,
    eventId,
    type: 'card.action.trigger',
    lane: `card:${eventId}`,
    createdAt: 1,
    payload: JSON.stringify({ schema: '2.0', header: { event_id: eventId }, event: body }),
  }
}

interface BenchOptions {
  readonly capacity?: number
  readonly kinds?: readonly InboundEventKind[]
  readonly isStarted?: boolean
}

/** Card actions, intake and dispatcher as they are joined in production, on a store in memory and a pool the test answers for. */
function bench({ capacity = 2, kinds = ['message', 'card_action'], isStarted = true }: BenchOptions = {}) {
  const clock = new FakeClock()
  const store = new MemoryStore(clock)
  const pool = new FakePool(capacity)
  const sent: string[] = []
  const dispatcher = createDispatcher({
    inbox: store,
    replies: store,
    callCard: noCards,
    executors: { pool, exclusive: new FakePool(0), process: new FakePool(0), host: new FakePool(0) },
    handlers: oneHandler(...kinds),
    contextServer: noCalls,
    bots: plainBots,
    owner: 'me',
    sendReply: async (_botId, { content }) => {
      sent.push(content)
      return SENT
    },
    options: { ...DEFAULT_OPTIONS, threads: capacity },
    clock,
    random: () => 0.5,
    emit: () => {},
    onDecided: (eventId, decision) => actions.decided(eventId, decision),
  })
  const intake = new Intake({
    inbox: store,
    maxBatch: 10,
    maxWaiting: 100,
    emit: () => {},
    offer: () => dispatcher.offer(),
    onCommitted: (events, claimed) => dispatcher.arrived(events, claimed),
  })
  const actions = new CardActions({
    accept: (botId, event) => intake.accept(botId, event),
    runNow: (botId, eventId) => dispatcher.runNow(botId, eventId),
    handlesCards: () => kinds.includes('card_action'),
    clock,
    acks: new AckTimes(),
    answerMs: 2_300,
    pendingText: 'wait',
  })
  if (isStarted) dispatcher.start()
  return {
    clock,
    store,
    pool,
    sent,
    dispatcher,
    press: async (event: FeishuEvent) => {
      const answer = actions.accept('a', event)
      // Its rejection is looked at later.
      answer.catch(() => {})
      await settle()
      return { answer }
    },
    write: async (...events: FeishuEvent[]) => {
      // Several bots: a single one would be held back by its share.
      await Promise.all(events.map((event, index) => intake.accept(`bot${index % 3}`, event)))
      await settle()
    },
  }
}

describe('a press on a card', () => {
  it('is answered with what the handler returns, after it is committed', async () => {
    const { press: click, pool, store, sent } = bench()
    const { answer } = await click(press('e1'))
    expect(store.rows).toMatchObject([{ state: 'executing', attempt: 1 }])
    pool.runs[0]!.resolve({ ...handled('later'), response: DONE } as never)
    expect(await answer).toEqual(DONE)
    await settle()
    expect(sent).toEqual(['{"text":"later"}'])
    expect(store.rows).toMatchObject([{ state: 'completed' }])
  })

  it('that is too large fails at once, and is kept', async () => {
    const { press: click, pool, store } = bench()
    const { answer } = await click({ ...press('e1'), oversizeBytes: 2_000_000 })
    await expect(answer).rejects.toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
      message:
        'the card action has 2000000 bytes, more than connection.maxPayloadBytes allows: ' +
        'put less into the card, or raise the limit',
    })
    expect(pool.runs).toEqual([])
    expect(store.rows).toMatchObject([{ state: 'dead', reason: 'payload_too_large' }])
  })

  it('is answered with nothing when the handler returns nothing', async () => {
    const { press: click, pool } = bench()
    const { answer } = await click(press('e1'))
    pool.runs[0]!.resolve(handled())
    expect(await answer).toEqual({})
  })

  it('gets a toast when the handler is slow, which goes on, once, and whose replies go out', async () => {
    const { press: click, pool, clock, sent, store } = bench()
    const { answer } = await click(press('e1'))
    await clock.advance(2_299)
    const early = await Promise.race([answer, Promise.resolve('open')])
    expect(early).toBe('open')
    await clock.advance(1)
    expect(await answer).toEqual(PENDING)
    pool.runs[0]!.resolve({ ...handled('later'), response: DONE } as never)
    await settle()
    expect(sent).toEqual(['{"text":"later"}'])
    expect(pool.runs).toHaveLength(1)
    expect(store.rows).toMatchObject([{ state: 'completed', attempt: 1 }])
    await clock.advance(1_000)
    expect(clock.timerCount).toBeLessThanOrEqual(1)
  })

  it('gets the same toast when the handler fails and will be run again', async () => {
    const { press: click, pool, store } = bench()
    const { answer } = await click(press('e1'))
    pool.runs[0]!.resolve(failed())
    expect(await answer).toEqual(PENDING)
    await settle()
    expect(store.rows).toMatchObject([{ state: 'available' }])
  })

  it('that can never be handled is refused, and a dead letter', async () => {
    const { press: click, store } = bench()
    const { answer } = await click(press('e1', { operator: {} }))
    await expect(answer).rejects.toThrow('event.operator.open_id is missing')
    await settle()
    expect(store.rows).toMatchObject([{ state: 'dead', reason: 'bad_payload' }])
  })

  it('without a function for it is answered at once and completes without a run', async () => {
    const { press: click, pool, store } = bench({ kinds: ['message'] })
    const { answer } = await click(press('e1'))
    expect(await answer).toEqual({})
    await settle()
    expect(pool.runs).toEqual([])
    expect(store.rows).toMatchObject([{ state: 'completed' }])
  })

  it('that is not committed is refused', async () => {
    const { press: click, store, pool } = bench()
    store.fault = (operation) => (operation === 'accept' ? 'before' : 'none')
    const { answer } = await click(press('e1'))
    await expect(answer).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(pool.runs).toEqual([])
  })

  it('that comes twice is run once', async () => {
    const { press: click, pool } = bench()
    await click(press('e1'))
    const { answer } = await click(press('e1'))
    expect(await answer).toEqual({})
    expect(pool.runs).toHaveLength(1)
  })

  it.each([
    ['before the start', async () => bench({ isStarted: false })],
    [
      'while stopping',
      async () => {
        const stopping = bench()
        void stopping.dispatcher.stop(10)
        return stopping
      },
    ],
  ])('%s is kept for later', async (_name, open) => {
    const { press: click, pool, store } = await open()
    const { answer } = await click(press('e1'))
    expect(await answer).toEqual(PENDING)
    expect(pool.runs).toEqual([])
    expect(store.rows).toMatchObject([{ state: 'available', attempt: 0 }])
  })

  it('whose claim fails is an ordinary event', async () => {
    const { press: click, store, pool, clock } = bench()
    store.fault = (operation) => (operation === 'claim' ? 'before' : 'none')
    const { answer } = await click(press('e1'))
    await clock.advance(2_300)
    expect(await answer).toEqual(PENDING)
    store.fault = () => 'none'
    await clock.advance(10_000)
    expect(pool.runs).toHaveLength(1)
  })
})

describe('a busy pool', () => {
  const chats = (count: number) =>
    Array.from({ length: count }, (_none, index) => messageEvent(`c${index}`, `m${index}`))

  it.each([2, 4])('with room for %i keeps some for cards', async (capacity) => {
    const { press: click, write, pool } = bench({ capacity })
    await write(...chats(10))
    expect(pool.running.size).toBeLessThan(capacity)
    const { answer } = await click(press('e1'))
    const run = pool.runs.at(-1)!
    expect(run.chatId).toBe('c')
    run.resolve({ ...handled(), response: DONE } as never)
    expect(await answer).toEqual(DONE)
    await settle()
    expect(pool.running.size).toBeLessThan(capacity)
  })

  it('gives a card the next free thread when none is', async () => {
    const { press: click, write, pool } = bench({ capacity: 1 })
    await write(...chats(3))
    const { answer } = await click(press('e1'))
    expect(pool.runs.map(({ chatId }) => chatId)).toEqual(['c0'])
    pool.runs[0]!.resolve(handled())
    await settle()
    expect(pool.runs.map(({ chatId }) => chatId)).toEqual(['c0', 'c'])
    pool.runs[1]!.resolve({ ...handled(), response: DONE } as never)
    expect(await answer).toEqual(DONE)
    await settle()
    expect(pool.runs.map(({ chatId }) => chatId)).toEqual(['c0', 'c', 'c1'])
  })

  it('never runs more than there is room for, whatever comes together', async () => {
    const { press: click, write, pool } = bench({ capacity: 3 })
    pool.answer = async () => {
      expect(pool.running.size).toBeLessThanOrEqual(3)
      await settle()
      return handled()
    }
    await Promise.all([write(...chats(20)), ...Array.from({ length: 20 }, (_none, index) => click(press(`e${index}`)))])
    for (let round = 0; round < 100 && pool.runs.length < 40; round++) await settle()
    expect(pool.runs).toHaveLength(40)
  })

  it('keeps no thread for cards that nobody handles', async () => {
    const { write, pool } = bench({ capacity: 3, kinds: ['message'] })
    await write(...chats(10))
    expect(pool.running.size).toBe(3)
    const reserving = bench({ capacity: 3 })
    await reserving.write(...chats(10))
    expect(reserving.pool.running.size).toBe(2)
  })
})

it('a claim on its way when stopping is given back', async () => {
  const { press: click, dispatcher, store, clock } = bench()
  await click(press('e0'))
  const pressing = click(press('e1'))
  const stopping = dispatcher.stop(0)
  await pressing
  await clock.advance(2_000)
  await stopping
  expect(store.owners()).toEqual([])
  expect(store.rows.map(({ state }) => state)).toEqual(['available', 'available'])
})
