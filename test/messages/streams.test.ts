import { describe, expect, it } from 'vitest'
import { deferred } from '../../src/core/time/deferred.ts'
import type { StreamFrame } from '../../src/protocol/chat.ts'
import type { CardCall, CardOutcome, ReplyToSend, SendOutcome } from '../../src/protocol/data.ts'
import { LiveStream } from '../../src/messages/reply/live-stream.ts'
import { OutboundLimits } from '../../src/messages/reply/outbound-limits.ts'
import { ReplySender } from '../../src/messages/reply/reply-sender.ts'
import { Sleeper } from '../../src/messages/writes/sleeper.ts'
import type { StoredReply } from '../../src/store/store.ts'
import { messageEvent, SENT, noCards, sendFailed } from './dispatcher-bench.ts'
import { FakeClock, settle } from '../support/fake-clock.ts'
import { MemoryStore } from './memory-store.ts'

const TARGET = { messageId: 'om_1', receiver: { type: 'chat_id', id: 'oc_1' } } as const
/** Of the only claim. */
const FENCE = { owner: 'me', epoch: 1 }
const OWNER = { ...TARGET, eventId: 1, fence: FENCE, botId: 'a', uuid: 'u' }
const frame = (text: string): StreamFrame => ({ stream: 0, text })
const done = (id?: string): CardOutcome => ({ kind: 'done', ...(id === undefined ? {} : { id }) })

/** An event that is run, what the bot's worker is asked for, and a Feishu that does it unless the test says otherwise. */
async function world() {
  const clock = new FakeClock()
  const store = new MemoryStore(clock)
  await store.accept([{ botId: 'a', event: messageEvent('oc_1', 'om_1') }])
  await store.claim({ owner: FENCE.owner, limit: 1 })
  const sleeper = new Sleeper(clock)
  const calls: CardCall[] = []
  const sends: ReplyToSend[] = []
  const answers: { card: (call: CardCall) => CardOutcome; send: () => SendOutcome } = {
    card: ({ kind }) => (kind === 'create' ? done(`card_${calls.length}`) : done()),
    send: () => SENT,
  }
  const limits = () => new OutboundLimits({ perChatPerSecond: 5, perBotPerSecond: 50, clock })
  const deps = {
    replies: store,
    callCard: async (_botId: string, call: CardCall) => {
      calls.push(call)
      return answers.card(call)
    },
    sendReply: async (_botId: string, reply: ReplyToSend) => {
      sends.push(reply)
      return answers.send()
    },
    limits: limits(),
    changeLimits: limits(),
    sleeper,
  }
  const live = (text: string) => new LiveStream(OWNER, frame(text), deps)
  const sender = new ReplySender(deps)
  const kinds = () => calls.map(({ kind }) => kind)
  const sequences = () => calls.flatMap((call) => ('sequence' in call ? [call.sequence] : []))
  return { clock, store, calls, sends, answers, live, sender, kinds, sequences }
}

const stored: StoredReply = {
  ...TARGET,
  eventId: 1,
  part: 0,
  fence: FENCE,
  uuid: 'u',
  msgType: 'interactive',
  content: '{"final":true}',
  delivery: { stream: 0 },
  attempt: 1,
  unknownAttempts: 0,
  ageMs: 0,
}

describe('a streamed answer while it is made', () => {
  it('is a card that is made, shown and written, with growing sequences', async () => {
    const { clock, live, calls, sends, kinds, sequences } = await world()
    const stream = live('a')
    await settle()
    void stream.show(frame('ab'))
    await settle()
    void stream.show(frame('abc'))
    void stream.show(frame('abcd'))
    await clock.advance(400)
    await stream.end()
    expect(kinds()).toEqual(['create', 'write', 'write'])
    expect(calls.map((call) => ('text' in call ? call.text : ''))).toEqual(['', 'ab', 'abcd'])
    expect(sequences()).toEqual([1, 2])
    expect(sends).toMatchObject([
      { uuid: 'u', content: '{"type":"card","data":{"card_id":"card_1"}}', mayBeShown: false },
    ])
    expect(clock.timerCount).toBe(0)
  })

  it('is taken up by a later run with the same card and larger sequences', async () => {
    const { live, calls, sends, kinds, sequences } = await world()
    const first = live('half of')
    await settle()
    void first.show(frame('half of it'))
    await settle()
    await first.end()
    const second = live('anew')
    await settle()
    await second.end()
    expect(kinds()).toEqual(['create', 'write', 'write'])
    expect(sends).toHaveLength(1)
    expect(sequences()).toEqual([1, 51])
    expect(calls.at(-1)).toMatchObject({ cardId: 'card_1', text: 'anew' })
  })

  it('whose card was sent without an answer is sent again under its uuid', async () => {
    const { clock, live, answers, sends, kinds } = await world()
    answers.send = () => sendFailed({}, undefined, { isRefused: false })
    const first = live('a')
    await settle()
    await first.end()
    answers.send = () => SENT
    const second = live('b')
    await settle()
    await second.end()
    expect(sends.map(({ uuid, mayBeShown }) => ({ uuid, mayBeShown }))).toEqual([
      { uuid: 'u', mayBeShown: false },
      { uuid: 'u', mayBeShown: true },
    ])
    expect(sends[1]?.content).toBe(sends[0]?.content)
    expect(kinds()).toEqual(['create', 'write'])
    expect(clock.timerCount).toBe(0)
  })

  it.each([
    [
      'edits, where the app may',
      (kind: CardCall['kind']) => kind === 'may_edit' || kind === 'edit',
      1,
      1,
      ['create', 'may_edit', 'edit'],
    ],
    ['nothing, where it may not', () => false, 2, 0, ['create', 'may_edit']],
  ])('without streamed cards is %s', async (_name, isAllowed, fallback, messages, expected) => {
    const { live, store, answers, sends, kinds } = await world()
    const refused = await noCards('a', { kind: 'create', card: '' })
    answers.card = ({ kind }) => (isAllowed(kind) ? done() : refused)
    const stream = live('a')
    await settle()
    void stream.show(frame('ab'))
    await settle()
    await stream.end()
    expect(kinds()).toEqual(expected)
    expect(sends).toHaveLength(messages)
    expect(await store.stream(1, FENCE, 0)).toMatchObject({ fallback })
  })

  it('waits while Feishu is in trouble, and ends at once', async () => {
    const { clock, live, answers, kinds } = await world()
    const busy = sendFailed() as CardOutcome
    answers.card = () => busy
    const stream = live('a')
    await settle()
    expect(kinds()).toEqual(['create'])
    await clock.advance(1_000)
    expect(kinds()).toEqual(['create', 'create'])
    await stream.end()
    expect(clock.timerCount).toBe(0)
  })

  it('ends although the store does not answer', async () => {
    const { clock, live, store } = await world()
    const never = deferred<never>()
    store.stream = () => never.promise
    const stream = live('a')
    const end = stream.end()
    never.reject(new Error('the store is down'))
    await end
    expect(clock.timerCount).toBe(0)
  })
})

describe('a streamed answer at its end', () => {
  it('that was never shown is a message', async () => {
    const { sender, sends, kinds } = await world()
    expect(await sender.send('a', stored)).toEqual(SENT)
    expect(sends).toMatchObject([{ content: '{"final":true}', uuid: 'u' }])
    expect(kinds()).toEqual([])
  })

  it('replaces what its card shows', async () => {
    const { store, sender, sends, calls } = await world()
    await store.stream(1, FENCE, 0, { cardId: 'c', isSending: true, messageId: 'om_2', changes: 50 })
    expect(await sender.send('a', stored)).toEqual({ kind: 'sent', messageId: 'om_2' })
    expect(calls).toEqual([{ kind: 'replace', cardId: 'c', card: '{"final":true}', sequence: 51 }])
    expect(sends).toEqual([])
  })

  it('sends a card again of which it is not known whether it is shown, then replaces it', async () => {
    const { store, sender, sends, kinds } = await world()
    await store.stream(1, FENCE, 0, { cardId: 'c', isSending: true })
    expect(await sender.send('a', stored)).toEqual(SENT)
    expect(sends).toMatchObject([{ content: '{"type":"card","data":{"card_id":"c"}}', uuid: 'u', mayBeShown: true }])
    expect(kinds()).toEqual(['replace'])
  })

  it('is of unknown outcome when that was more than an hour ago', async () => {
    const { store, sender, sends } = await world()
    store.stream = () => Promise.resolve({ stream: 0, fallback: 0, cardId: 'c', sendingMs: 3_600_000, sequence: 1 })
    expect(await sender.send('a', stored)).toMatchObject({
      failure: { error: { code: 'OUTCOME_UNKNOWN' }, isRefused: false },
    })
    expect(sends).toEqual([])
  })

  it('is a message where Feishu takes no such card', async () => {
    const { store, sender, sends, answers } = await world()
    await store.stream(1, FENCE, 0, { cardId: 'c', isSending: true })
    const outcomes = [sendFailed({ code: 'REPLY_REFUSED', retryable: false }), SENT]
    answers.send = () => outcomes.shift() ?? SENT
    expect(await sender.send('a', stored)).toEqual(SENT)
    expect(sends.map(({ content }) => content)).toEqual(['{"type":"card","data":{"card_id":"c"}}', '{"final":true}'])
  })

  it('edits the message that was shown instead of a card', async () => {
    const { store, sender, calls } = await world()
    await store.stream(1, FENCE, 0, { fallback: 1, isSending: true, messageId: 'om_2' })
    expect(await sender.send('a', stored)).toEqual({ kind: 'sent', messageId: 'om_2' })
    expect(calls).toEqual([{ kind: 'edit', messageId: 'om_2', content: '{"final":true}' }])
  })

  it('that cannot be changed now is tried again', async () => {
    const { store, sender, answers } = await world()
    await store.stream(1, FENCE, 0, { cardId: 'c', isSending: true, messageId: 'om_2' })
    const busy = sendFailed()
    answers.card = () => busy as CardOutcome
    expect(await sender.send('a', stored)).toEqual(busy)
  })
})

it('a card that nobody will complete stops typing; others go on', async () => {
  const { store, sender, calls } = await world()
  await store.stream(1, FENCE, 0, { cardId: 'kept', isSending: true })
  await store.stream(1, FENCE, 1, { cardId: 'left', isSending: true, changes: 50 })
  await store.stream(1, FENCE, 2, { cardId: 'unseen' })
  const end = { id: 1, fence: FENCE, botId: 'a' }
  await sender.closeStreams(end, [0])
  // The run is not over.
  expect(calls).toEqual([])
  await store.finish([{ id: 1, fence: FENCE, result: { kind: 'completed', replies: [] } }])
  await sender.closeStreams(end, [0])
  expect(calls).toEqual([{ kind: 'close', cardId: 'left', sequence: 51 }])
})

describe('a streamed answer of a claim that is over', () => {
  it('shows nothing more while it is made', async () => {
    const { clock, store, live, kinds, sends } = await world()
    const stream = live('a')
    await settle()
    store.rescue(FENCE.owner)
    await store.claim({ owner: FENCE.owner, limit: 1 })
    const before = { calls: kinds().length, sends: sends.length }
    // The first change has to be written down before it is made.
    void stream.show(frame('ab'))
    await clock.advance(5_000)
    void stream.show(frame('abc'))
    await clock.advance(5_000)
    expect({ calls: kinds().length, sends: sends.length }).toEqual(before)
    await stream.end()
    expect(clock.timerCount).toBe(0)
  })

  it('is not brought to its end, and what comes of it is not counted as tried', async () => {
    const { store, sender, calls, sends } = await world()
    await store.stream(1, FENCE, 0, { cardId: 'c', isSending: true, messageId: 'om_2' })
    store.rescue(FENCE.owner)
    expect(await sender.send('a', stored)).toMatchObject({ kind: 'failed', failure: { isRefused: true } })
    expect([calls, sends]).toEqual([[], []])
  })

  it('changes no card when the claim ends after its message was sent again', async () => {
    const { store, sender, calls, sends, answers } = await world()
    await store.stream(1, FENCE, 0, { cardId: 'c', isSending: true })
    answers.send = () => {
      store.rescue(FENCE.owner)
      return SENT
    }
    expect(await sender.send('a', stored)).toMatchObject({ kind: 'failed' })
    expect(sends).toHaveLength(1)
    expect(calls).toEqual([])
  })
})
