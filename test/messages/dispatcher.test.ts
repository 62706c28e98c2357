import { describe, expect, it } from 'vitest'
import { deferred } from '../../src/core/time/deferred.ts'
import { type BotHandler, type BotHandlers, executorOf } from '../../src/messages/handle/bot-handlers.ts'
import type { SendOutcome } from '../../src/protocol/data.ts'
import { bench, failed, handled, messageEvent, SENT, sendFailed } from './dispatcher-bench.ts'
import type { Claimed } from '../../src/store/store.ts'
import { settle } from '../support/fake-clock.ts'
import type { Fault, Operation } from './memory-store.ts'

/** Fails the first `count` calls of one operation. */
function failFirst(operation: Operation, fault: Fault, count = 1): (called: Operation) => Fault {
  let left = count
  return (called) => (called === operation && left-- > 0 ? fault : 'none')
}

describe('order', () => {
  it('runs one message of a chat at a time, the next after the last reply is out', async () => {
    const send = deferred<SendOutcome>()
    const { dispatcher, pool, put } = bench({ send: () => send.promise })
    dispatcher.start()
    await put('a', messageEvent('c', 'm1'), messageEvent('c', 'm2'))
    expect(pool.runs.map((run) => run.messageId)).toEqual(['m1'])
    pool.runs[0]!.resolve(handled('one'))
    await settle()
    expect(pool.runs).toHaveLength(1)
    send.resolve(SENT)
    await settle()
    expect(pool.runs.map((run) => run.messageId)).toEqual(['m1', 'm2'])
  })

  it('a slow chat does not hold up another chat of the same bot', async () => {
    const { dispatcher, pool, sends, put } = bench()
    dispatcher.start()
    await put('a', messageEvent('slow', 'm1'), messageEvent('c', 'm2'))
    pool.runs[1]!.resolve(handled('fast'))
    await settle()
    expect(sends.map(({ reply }) => reply.messageId)).toEqual(['m2'])
  })

  it('sends the parts of a reply in order, each under its own uuid', async () => {
    const { dispatcher, pool, sends, put, store } = bench()
    dispatcher.start()
    await put('a', messageEvent('c', 'm1'))
    pool.runs[0]!.resolve(handled('1', '2', '3'))
    await settle()
    expect(sends.map(({ reply }) => JSON.parse(reply.content).text)).toEqual(['1', '2', '3'])
    expect(new Set(sends.map(({ reply }) => reply.uuid)).size).toBe(3)
    expect(store.rows[0]!.replies.map((reply) => reply.state)).toEqual(['sent', 'sent', 'sent'])
  })

  it('completes events that have no handler yet without a thread and without a reply', async () => {
    const { dispatcher, pool, sends, store, put } = bench()
    dispatcher.start()
    await put('a', { ...messageEvent('im.chat.updated_v1', 'm1'), type: 'im.chat.updated_v1' })
    expect(store.rows[0]!.state).toBe('completed')
    expect(pool.runs).toEqual([])
    expect(sends).toEqual([])
  })
})

describe('handlers of bots', () => {
  const echo: BotHandler = { ref: { kind: 'builtin', name: 'echo' }, kinds: new Set(['message']) }
  const hosted: BotHandler = { ...echo, ref: { kind: 'host', name: 'f', kinds: ['message'] } }
  const handlersOf = (of: (botId: string) => BotHandler | undefined): BotHandlers => ({
    of,
    botIdsOf: (executor) => ['a', 'h'].filter((botId) => executorOf(of(botId)) === executor),
    isUsed: () => true,
    handlesCards: () => false,
  })

  it("functions of the host run beside the pool: when the host is full, the pool's bots go on, and the other way round", async () => {
    const { dispatcher, pool, host, put } = bench({
      capacity: 1,
      handlers: handlersOf((id) => (id === 'h' ? hosted : echo)),
    })
    dispatcher.start()
    await put('h', ...['1', '2', '3'].map((n) => messageEvent(`c${n}`, `h${n}`)))
    await put('a', ...['1', '2', '3'].map((n) => messageEvent(`c${n}`, `a${n}`)))
    expect(host.runs.map(({ botId }) => botId)).toEqual(['h'])
    expect(pool.runs.map(({ botId }) => botId)).toEqual(['a'])
    pool.runs[0]!.resolve(handled())
    await settle()
    expect([host.runs.length, pool.runs.map(({ messageId }) => messageId)]).toEqual([1, ['a1', 'a2']])
    host.runs[0]!.resolve(handled())
    await settle()
    expect(host.runs.map(({ messageId }) => messageId)).toEqual(['h1', 'h2'])
  })

  it('what may have ended processes waits for one of its own, and the other messages of its bot do not wait for it', async () => {
    const { dispatcher, pool, processes, put, store } = bench({ handlers: handlersOf(() => echo) })
    const claim = store.claim.bind(store)
    store.claim = async (order) => {
      const { items, ...rest } = await claim(order)
      const suspect = (item: Claimed) =>
        'payload' in item && item.payload.includes('poison') ? { ...item, deaths: 2 } : item
      return { ...rest, items: items.map(suspect) }
    }
    dispatcher.start()
    await put('a', ...['1', '2', '3'].map((n) => messageEvent(`p${n}`, `poison${n}`)))
    await put('a', ...['1', '2', '3'].map((n) => messageEvent(`c${n}`, `m${n}`)))
    expect(processes.runs.map(({ messageId }) => messageId)).toEqual(['poison1', 'poison2'])
    expect(pool.runs.map(({ messageId }) => messageId)).toEqual(['m1', 'm2', 'm3'])
    expect(dispatcher.waitingCount).toBe(1)
    processes.runs[0]!.resolve(handled())
    await settle()
    expect(processes.runs.map(({ messageId }) => messageId)).toEqual(['poison1', 'poison2', 'poison3'])
  })

  it('a message waits, uncounted, for a handler that is not there, and others do not wait for it', async () => {
    let shout: BotHandler | undefined
    const { dispatcher, pool, put, clock, store } = bench({ handlers: handlersOf((id) => (id === 'a' ? shout : echo)) })
    dispatcher.start()
    await put('a', messageEvent('c', 'm1'))
    await put('b', messageEvent('c', 'm2'))
    expect(pool.runs.map(({ messageId }) => messageId)).toEqual(['m2'])
    await clock.advance(600_000)
    expect(store.rows[0]).toMatchObject({ state: 'available', attempt: 0 })
    shout = echo
    await clock.advance(20_000)
    expect(pool.runs.at(-1)).toMatchObject({ messageId: 'm1', attempt: 1 })
  })
})

describe('capacity', () => {
  it('claims no more than there is room for, and leaves a run to each other bot', async () => {
    const { dispatcher, pool, put, store } = bench({ capacity: 4 })
    dispatcher.start()
    await put('a', ...['1', '2', '3', '4', '5'].map((n) => messageEvent(`c${n}`, `m${n}`)))
    expect(pool.runs).toHaveLength(3)
    expect(store.rows.filter((row) => row.attempt > 0)).toHaveLength(3)
    await put('b', messageEvent('c', 'b1'))
    expect(pool.runs.at(-1)).toMatchObject({ botId: 'b', messageId: 'b1' })
  })

  it('asks the store for more only where more may be', async () => {
    const { clock, dispatcher, pool, put, store } = bench()
    const claims = (): number => store.calls.filter((operation) => operation === 'claim').length
    dispatcher.start()
    await settle()
    await put('a', messageEvent('c', 'm1'))
    const before = claims()
    pool.runs[0]!.resolve(handled('one'))
    await settle()
    expect(store.rows[0]!.state).toBe('completed')
    expect(claims()).toBe(before)
    // Another instance may have put something there.
    await clock.advance(100)
    expect(claims()).toBe(before + 1)
  })

  it('claims ahead of its room once handlers are known to be quick, and gives what waits back when it stops', async () => {
    const { dispatcher, pool, put, store } = bench({ capacity: 2 })
    pool.answer = async () => handled()
    dispatcher.start()
    for (let n = 0; n < 60; n++) await put(`bot${n % 3}`, messageEvent(`quick${n}`, `m${n}`))
    pool.answer = undefined
    await put('a', ...[1, 2, 3, 4].map((n) => messageEvent(`c${n}`, `a${n}`)))
    await put('b', messageEvent('c', 'b1'))
    expect([...pool.running].map(({ botId }) => botId)).toEqual(['a', 'b'])
    const waiting = (): unknown[] => store.rows.filter((row) => row.state === 'executing')
    expect(waiting()).toHaveLength(5)
    const stopped = dispatcher.stop(1_000)
    await settle()
    expect(waiting()).toHaveLength(2)
    expect(store.rows.filter((row) => row.state === 'available').map((row) => row.attempt)).toEqual([0, 0, 0])
    for (const run of pool.running) run.resolve(handled())
    await stopped
  })

  it('gives the freed room of a flooding bot to the bot with fewer runs', async () => {
    const { dispatcher, pool, put } = bench({ capacity: 4 })
    dispatcher.start()
    const flood = Array.from({ length: 20 }, (_, n) => messageEvent(`c${n}`, `a${n}`))
    await put('a', ...flood)
    await put('b', ...[1, 2, 3].map((n) => messageEvent(`c${n}`, `b${n}`)))
    pool.runs[0]!.resolve(handled())
    await settle()
    expect([...pool.running].map((run) => run.botId).sort()).toEqual(['a', 'a', 'b', 'b'])
  })

  it('a bot whose replies do not go out stops being claimed, another is served', async () => {
    const { dispatcher, pool, put, store } = bench({
      options: { lanesPerBot: 2 },
      send: (_reply, botId) => (botId === 'deaf' ? new Promise(() => {}) : Promise.resolve(SENT)),
    })
    pool.answer = () => Promise.resolve(handled('hi'))
    dispatcher.start()
    for (const n of [1, 2, 3, 4]) await put('deaf', messageEvent(`c${n}`, `d${n}`))
    await put('good', ...[1, 2, 3, 4].map((n) => messageEvent(`c${n}`, `g${n}`)))
    expect(store.rows.filter((row) => row.botId === 'deaf' && row.attempt > 0)).toHaveLength(2)
    expect(store.rows.filter((row) => row.botId === 'good' && row.state === 'completed')).toHaveLength(4)
  })

  it('finds work nobody announced', async () => {
    const { clock, dispatcher, pool, store } = bench()
    dispatcher.start()
    await settle()
    await store.accept([{ botId: 'a', event: messageEvent('c', 'm1') }])
    await clock.advance(5_000)
    expect(pool.runs).toHaveLength(1)
  })

  it('does not spin on lanes that are due but cannot be had', async () => {
    const { clock, dispatcher, store } = bench()
    let claims = 0
    store.claim = () => {
      claims += 1
      return Promise.resolve({ items: [], nextDueMs: 0 })
    }
    dispatcher.start()
    await clock.advance(1_000)
    expect(claims).toBeLessThanOrEqual(11)
  })
})

describe('failures of handlers', () => {
  it('retries with growing waits, then buries with the last error', async () => {
    const { clock, dispatcher, pool, store, put, events } = bench({ options: { maxAttempts: 3 } })
    pool.answer = () => Promise.resolve(failed('always'))
    dispatcher.start()
    await put('a', messageEvent('c', 'm1'))
    await clock.advance(10_000)
    expect(pool.runs.map((run) => run.attempt)).toEqual([1, 2, 3])
    expect(store.rows[0]).toMatchObject({ state: 'dead', reason: 'attempts_exhausted' })
    expect(events.map((event) => event.stage)).toEqual(['retry', 'retry', 'dead'])
    expect(events.flatMap((event) => (event.stage === 'retry' ? [event.afterMs] : []))).toEqual([1_000, 2_000])
  })

  it('holds the chat while its head waits for the retry', async () => {
    const { clock, dispatcher, pool, put } = bench()
    dispatcher.start()
    await put('a', messageEvent('c', 'm1'), messageEvent('c', 'm2'))
    pool.runs[0]!.resolve(failed())
    await clock.advance(900)
    expect(pool.runs).toHaveLength(1)
    await clock.advance(200)
    expect(pool.runs.map((run) => run.messageId)).toEqual(['m1', 'm1'])
  })

  it('does not run a message again that has used up its attempts', async () => {
    const { dispatcher, pool, store, put } = bench({ options: { maxAttempts: 2 } })
    await put('a', messageEvent('c', 'm1'))
    store.rows[0]!.attempt = 2
    dispatcher.start()
    await settle()
    expect(pool.runs).toEqual([])
    expect(store.rows[0]).toMatchObject({ state: 'dead', reason: 'attempts_exhausted' })
  })

  it('buries an event whose payload cannot be read, and goes on with the chat', async () => {
    const { dispatcher, pool, store, put } = bench()
    dispatcher.start()
    await put('a', { ...messageEvent('c', 'm1'), payload: '{' }, messageEvent('c', 'm2'))
    expect(store.rows[0]).toMatchObject({ state: 'dead', reason: 'bad_payload' })
    expect(pool.runs.map((run) => run.messageId)).toEqual(['m2'])
  })
})

describe('failures of sends', () => {
  it('retries the part under the same uuid; its successors wait behind it', async () => {
    let calls = 0
    const { clock, dispatcher, pool, sends, put } = bench({
      send: () => Promise.resolve(++calls <= 2 ? sendFailed() : SENT),
    })
    pool.answer = (run) => Promise.resolve(handled(`${run.messageId}-1`, `${run.messageId}-2`))
    dispatcher.start()
    await put('a', messageEvent('c', 'm1'), messageEvent('c', 'm2'))
    await clock.advance(10_000)
    const texts = sends.map(({ reply }) => JSON.parse(reply.content).text)
    expect(texts).toEqual(['m1-1', 'm1-1', 'm1-1', 'm1-2', 'm2-1', 'm2-2'])
    expect(new Set(sends.slice(0, 3).map(({ reply }) => reply.uuid)).size).toBe(1)
  })

  it('waits as long as Feishu asks', async () => {
    let calls = 0
    const { clock, dispatcher, pool, sends, put } = bench({
      send: () => Promise.resolve(++calls === 1 ? sendFailed({}, 30_000) : SENT),
    })
    pool.answer = () => Promise.resolve(handled('hi'))
    dispatcher.start()
    await put('a', messageEvent('c', 'm1'))
    await clock.advance(29_000)
    expect(sends).toHaveLength(1)
    await clock.advance(2_000)
    expect(sends).toHaveLength(2)
  })

  it('buries what Feishu refuses for good and sends the next part', async () => {
    let calls = 0
    const refused = sendFailed({ code: 'REPLY_REFUSED', retryable: false })
    const { dispatcher, pool, store, put } = bench({ send: () => Promise.resolve(++calls === 1 ? refused : SENT) })
    pool.answer = () => Promise.resolve(handled('1', '2'))
    dispatcher.start()
    await put('a', messageEvent('c', 'm1'))
    expect(store.rows[0]!.replies.map(({ state, reason }) => [state, reason])).toEqual([
      ['dead', 'refused'],
      ['sent', undefined],
    ])
  })

  it.each([
    ['rejects', () => Promise.reject(new Error('no such bot'))],
    ['never answers', () => new Promise<SendOutcome>(() => {})],
  ])('a send port that %s is a failed attempt like any other', async (_name, send) => {
    const { clock, dispatcher, pool, put, events } = bench({ send, options: { maxReplyAttempts: 2 } })
    pool.answer = () => Promise.resolve(handled('hi'))
    dispatcher.start()
    await put('a', messageEvent('c', 'm1'))
    await clock.advance(130_000)
    expect(events.map((event) => event.stage)).toEqual(['handled', 'retry', 'dead'])
  })
})

describe('a store that fails', () => {
  it('loses nothing while the store is down, does not spin, and goes on when it is back', async () => {
    const { clock, dispatcher, pool, store, sends, put } = bench()
    dispatcher.start()
    await put('a', messageEvent('c', 'm1'), messageEvent('c', 'm2'))
    store.fault = () => 'before'
    const before = store.calls.length
    pool.runs[0]!.resolve(handled('one'))
    await clock.advance(60_000)
    expect(store.calls.length - before).toBeLessThan(60)
    expect(sends).toEqual([])
    store.fault = () => 'none'
    pool.answer = (run) => Promise.resolve(handled(run.messageId))
    await clock.advance(10_000)
    expect(pool.runs.map((run) => run.messageId)).toEqual(['m1', 'm2'])
    expect(sends.map(({ reply }) => JSON.parse(reply.content).text)).toEqual(['one', 'm2'])
  })

  it('is not asked more often because commits go through while claims fail', async () => {
    const { clock, dispatcher, store, put } = bench()
    store.fault = (operation) => (operation === 'claim' ? 'before' : 'none')
    dispatcher.start()
    for (let n = 0; n < 50; n++) await put('a', messageEvent('c', `m${n}`))
    expect(store.calls.filter((call) => call === 'claim')).toHaveLength(1)
    await clock.advance(100)
    expect(store.calls.filter((call) => call === 'claim')).toHaveLength(2)
    dispatcher.resume()
    await settle()
    expect(store.calls.filter((call) => call === 'claim')).toHaveLength(3)
  })

  it.each<[Operation, Fault]>([
    ['claim', 'before'],
    ['claim', 'after'],
    ['finish', 'before'],
    ['finish', 'after'],
    ['settle', 'before'],
    ['settle', 'after'],
  ])('a %s that fails %s its commit costs no reply and doubles none', async (operation, fault) => {
    const { clock, dispatcher, pool, store, sends, put } = bench()
    store.fault = failFirst(operation, fault)
    pool.answer = (run) => Promise.resolve(handled(`${run.messageId}-1`, `${run.messageId}-2`))
    dispatcher.start()
    await put('a', messageEvent('c', 'm1'), messageEvent('c', 'm2'))
    await clock.advance(10_000)
    expect(pool.runs).toHaveLength(2)
    const texts = sends.map(({ reply }) => JSON.parse(reply.content).text)
    expect(texts).toEqual(['m1-1', 'm1-2', 'm2-1', 'm2-2'])
    expect(store.owners()).toEqual([])
  })

  it('sends nothing for a lane that was taken over', async () => {
    const { dispatcher, pool, store, sends, put } = bench()
    dispatcher.start()
    await put('a', messageEvent('c', 'm1'))
    store.rescue('instance-1')
    await store.claim({ owner: 'instance-2', limit: 1 })
    pool.runs[0]!.resolve(handled('stale'))
    await settle()
    expect(sends).toEqual([])
    expect(store.rows[0]).toMatchObject({ state: 'executing', attempt: 1, deaths: 1 })
  })

  it('closes streams that a run before may have left open, also one that counted nothing; a first run has none', async () => {
    const { dispatcher, pool, store, put } = bench()
    const closed: number[] = []
    store.closeStreams = (eventId) => {
      closed.push(eventId)
      return Promise.resolve([])
    }
    await put('a', messageEvent('c', 'm1'))
    await store.claim({ owner: 'instance-0', limit: 1 })
    store.rescue('instance-0', false)
    await put('a', messageEvent('other', 'm2'))
    dispatcher.start()
    await settle()
    for (const run of pool.runs) run.resolve(handled('done'))
    await settle()
    expect(store.rows).toMatchObject([{ attempt: 1, state: 'completed' }, { state: 'completed' }])
    expect(closed).toEqual([store.rows[0]?.id])
  })
})
