import { describe, expect, it } from 'vitest'
import { deferred } from '../../src/core/time/deferred.ts'
import { type DeliverRepliesDeps, deliverReplies } from '../../src/messages/reply/deliver-replies.ts'
import { FencedWriter } from '../../src/messages/writes/fenced-writer.ts'
import { OutboundLimits } from '../../src/messages/reply/outbound-limits.ts'
import { SendTries } from '../../src/messages/reply/send-tries.ts'
import { Sleeper } from '../../src/messages/writes/sleeper.ts'
import type { SendOutcome } from '../../src/protocol/data.ts'
import type { MessageEvent } from '../../src/protocol/model/events.ts'
import type { ReplyResult, StoredReply } from '../../src/store/store.ts'
import { SENT, sendFailed } from './dispatcher-bench.ts'
import { FakeClock, settle } from '../support/fake-clock.ts'

const MINUTE_MS = 60_000

function stored(part: number, more: Partial<StoredReply> = {}): StoredReply {
  return {
    eventId: 1,
    part,
    fence: { owner: 'instance-1', epoch: 1 },
    messageId: 'om_1',
    receiver: { type: 'chat_id', id: 'oc_1' },
    uuid: `u${part}`,
    msgType: 'text',
    content: '{}',
    attempt: 1,
    unknownAttempts: 0,
    ageMs: 0,
    ...more,
  }
}

/** Delivery of one lane at a time, with a store that always holds the fence. */
function delivery(send: (reply: StoredReply) => Promise<SendOutcome>, maxAttempts = 70) {
  const clock = new FakeClock()
  const sends = new Sleeper(clock)
  const results: ReplyResult[] = []
  const calls: { readonly at: number; readonly reply: StoredReply }[] = []
  const events: MessageEvent[] = []
  let isAborting = false
  const startedAt = clock.now()
  const deps: DeliverRepliesDeps = {
    dropUploads: () => Promise.resolve(),
    sendStored: (_botId, reply) => {
      calls.push({ at: clock.now() - startedAt, reply })
      return send(reply)
    },
    settle: new FencedWriter({
      write: (items) => {
        results.push(...items.map(({ result }) => result))
        return Promise.resolve(items.map(() => true))
      },
      maxBatch: 10,
      backoff: { firstMs: 1, maxMs: 1, factor: 1, jitter: 0 },
      sleeper: sends,
      random: () => 0.5,
      isStopped: () => false,
    }),
    policy: { maxAttempts, backoff: { firstMs: 500, maxMs: 60_000, factor: 2, jitter: 0 } },
    limits: new OutboundLimits({ perChatPerSecond: 5, perBotPerSecond: 50, clock }),
    tries: new SendTries(),
    clock,
    sendTimeoutMs: 60_000,
    sends,
    random: () => 0.5,
    isAborting: () => isAborting,
    emit: (event) => events.push(event),
  }
  const deliver = (...replies: StoredReply[]) => deliverReplies('a', replies, deps)
  const abort = (): void => {
    isAborting = true
    sends.close()
  }
  return { clock, results, calls, events, deliver, abort }
}

const away = () => Promise.resolve(sendFailed({ code: 'WORKER_UNREACHABLE', message: 'no worker now' }))

describe('the turn of a reply', () => {
  it('comes five times per second and chat', async () => {
    const { clock, calls, deliver } = delivery(() => Promise.resolve(SENT))
    const done = deliver(...Array.from({ length: 12 }, (_, part) => stored(part)))
    await clock.advance(10_000)
    await done
    expect(calls.map(({ at }) => at)).toEqual([0, 0, 0, 0, 0, 1_050, 1_050, 1_050, 1_050, 1_050, 2_100, 2_100])
    expect(clock.timerCount).toBe(0)
  })

  it('is given back when the stop comes first, as not carried out', async () => {
    const { clock, calls, results, deliver, abort } = delivery(() => Promise.resolve(SENT))
    const done = deliver(...Array.from({ length: 6 }, (_, part) => stored(part)))
    await settle()
    abort()
    await done
    expect(calls).toHaveLength(5)
    expect(results.at(-1)).toMatchObject({ kind: 'retry', afterMs: 0, isRefused: true })
    expect(clock.timerCount).toBe(0)
  })

  it.each([
    ['bot', 'oc_2', 7_000],
    ['chat', 'oc_1', 7_000],
    ['chat', 'oc_2', 0],
  ] as const)('after a limit of the %s, in %s, comes after %i ms', async (limitOf, id, expected) => {
    const outcomes = [sendFailed({}, 7_000, { limitOf }), SENT]
    const { clock, calls, deliver } = delivery(() => Promise.resolve(outcomes.shift() ?? SENT))
    await deliver(stored(0))
    const done = deliver(stored(1, { receiver: { type: 'chat_id', id } }))
    await clock.advance(10_000)
    await done
    expect(calls.map(({ at }) => at)).toEqual([0, expected])
  })
})

describe('a bot that is away', () => {
  it('costs no attempt, for hours and hundreds of claims', async () => {
    const outcomes: (() => Promise<SendOutcome>)[] = Array.from({ length: 300 }, () => away)
    outcomes.push(
      () => Promise.resolve(sendFailed()),
      () => Promise.resolve(sendFailed()),
    )
    const { results, deliver, clock } = delivery(() => outcomes.shift()?.() ?? Promise.resolve(SENT), 2)
    for (let attempt = 1; attempt <= 302; attempt++) {
      const done = deliver(stored(0, { attempt, ageMs: attempt * MINUTE_MS }))
      await clock.advance(2_000)
      await done
    }
    expect(results.slice(0, 300).every(({ kind }) => kind === 'retry')).toBe(true)
    expect(results[299]).toMatchObject({ kind: 'retry', afterMs: 60_000, isRefused: true })
    expect(results.slice(300)).toMatchObject([
      { kind: 'retry', afterMs: 500 },
      { kind: 'dead', reason: 'attempts_exhausted' },
    ])
  })

  it('is something else than a worker that ended while it was sending', async () => {
    const { results, deliver } = delivery(() =>
      Promise.resolve(
        sendFailed({ code: 'WORKER_UNREACHABLE', message: 'the worker ended' }, undefined, { isRefused: false }),
      ),
    )
    await deliver(stored(0))
    expect(results).toMatchObject([{ kind: 'retry', isRefused: false }])
  })
})

describe('an outcome that is unknown', () => {
  it.each([
    ['the port rejects', () => Promise.reject(new Error('broken'))],
    ['nobody answers', () => new Promise<SendOutcome>(() => {})],
  ])('is written down when %s', async (_name, send) => {
    const { clock, results, deliver } = delivery(send)
    const done = deliver(stored(0))
    await clock.advance(60_000)
    await done
    expect(results).toMatchObject([{ kind: 'retry', isRefused: false }])
  })

  it('is written down when the stop cuts the send short', async () => {
    const send = deferred<SendOutcome>()
    const { results, deliver, abort } = delivery(() => send.promise)
    const done = deliver(stored(0))
    await settle()
    abort()
    await done
    expect(results).toMatchObject([{ kind: 'retry', afterMs: 0, isRefused: false }])
  })

  it('is sent again under its uuid within the hour', async () => {
    const { calls, results, deliver } = delivery(() => Promise.resolve(SENT))
    await deliver(stored(0, { attempt: 9, unknownAttempts: 3, ageMs: 55 * MINUTE_MS }))
    expect(calls[0]?.reply.uuid).toBe('u0')
    expect(results).toMatchObject([{ kind: 'sent' }])
  })

  it('is given up unsent after it, and the next reply goes out', async () => {
    const { calls, results, events, deliver } = delivery(() => Promise.resolve(SENT))
    await deliver(stored(0, { attempt: 9, unknownAttempts: 1, ageMs: 56 * MINUTE_MS }), stored(1))
    expect(calls.map(({ reply }) => reply.uuid)).toEqual(['u1'])
    expect(results).toMatchObject([
      { kind: 'dead', reason: 'outcome_unknown', error: { code: 'OUTCOME_UNKNOWN', retryable: false } },
      { kind: 'sent' },
    ])
    expect(events[0]).toMatchObject({ stage: 'dead', reason: 'outcome_unknown' })
  })

  it('counts the time spent waiting for the turn', async () => {
    const outcomes = [sendFailed({}, 2 * MINUTE_MS, { limitOf: 'bot' }), SENT]
    const { clock, calls, results, deliver } = delivery(() => Promise.resolve(outcomes.shift() ?? SENT))
    await deliver(stored(0))
    const done = deliver(stored(1, { unknownAttempts: 1, ageMs: 54 * MINUTE_MS }))
    await clock.advance(2 * MINUTE_MS)
    await done
    expect(calls).toHaveLength(1)
    expect(results.at(-1)).toMatchObject({ kind: 'dead', reason: 'outcome_unknown' })
  })

  it('is no matter for one that was only refused: it goes on beyond the hour', async () => {
    const { calls, deliver } = delivery(() => Promise.resolve(SENT))
    await deliver(stored(0, { attempt: 60, ageMs: 300 * MINUTE_MS }))
    expect(calls).toHaveLength(1)
  })
})
