import { describe, expect, it } from 'vitest'
import { deferred } from '../../src/core/time/deferred.ts'
import { FeishuSupervisorError } from '../../src/core/errors.ts'
import { Intake } from '../../src/messages/intake/intake.ts'
import type { MessageEvent } from '../../src/protocol/model/events.ts'
import type { Accepted, NewEvent } from '../../src/store/store.ts'
import { messageEvent } from './dispatcher-bench.ts'
import { InboundLimit } from '../../src/messages/intake/inbound-limit.ts'
import type { FeishuEvent } from '../../src/protocol/model/message.ts'
import { FakeClock, settle } from '../support/fake-clock.ts'

type Batch = { keys: string[]; answer(accepted?: Accepted[]): void; fail(error: unknown): void }

function intake({ maxBatch = 200, maxWaiting = 1_000 } = {}) {
  const batches: Batch[] = []
  const events: MessageEvent[] = []
  const wakes: number[] = []
  const subject = new Intake({
    maxBatch,
    maxWaiting,
    emit: (event) => events.push(event),
    onCommitted: () => wakes.push(1),
    inbox: {
      accept(items) {
        const { promise, resolve, reject } = deferred<Accepted[]>()
        batches.push({
          keys: items.map(({ event }) => event.dedupeKey),
          answer: (accepted = items.map((_, id) => ({ id, duplicate: false }))) => resolve(accepted),
          fail: reject,
        })
        return promise
      },
    },
  })
  const accept = (id: string): Promise<unknown> => subject.accept('a', messageEvent('c', id))
  return { accept, batches, events, wakes }
}

const down = new FeishuSupervisorError('STORE_UNAVAILABLE', 'down')

describe('intake', () => {
  it('resolves only after the commit', async () => {
    const { accept, batches, wakes } = intake()
    let isAccepted = false
    const accepted = accept('1').then(() => {
      isAccepted = true
    })
    await settle()
    expect(isAccepted).toBe(false)
    batches[0]!.answer()
    await accepted
    expect(wakes).toHaveLength(1)
  })

  it('has one batch on its way; the next gathers meanwhile, in order and bounded', async () => {
    const { accept, batches } = intake({ maxBatch: 3 })
    const first = accept('0')
    await settle()
    const rest = ['1', '2', '3', '4'].map(accept)
    await settle()
    expect(batches.map(({ keys }) => keys)).toEqual([['m:0']])
    batches[0]!.answer()
    await first
    await settle()
    expect(batches.map(({ keys }) => keys)).toEqual([['m:0'], ['m:1', 'm:2', 'm:3']])
    batches[1]!.answer()
    await settle()
    batches[2]!.answer()
    await Promise.all(rest)
    expect(batches[2]!.keys).toEqual(['m:4'])
  })

  it('a failed batch refuses its own members only', async () => {
    const { accept, batches } = intake()
    const first = [accept('1'), accept('2')]
    await settle()
    const second = accept('3')
    batches[0]!.fail(down)
    await expect(first[0]).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true })
    await expect(first[1]).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await settle()
    batches[1]!.answer()
    await expect(second).resolves.toMatchObject({ duplicate: false })
  })

  it('one event that cannot be stored does not refuse its neighbours', async () => {
    const { accept, batches } = intake()
    const all = Promise.allSettled([accept('1'), accept('bad'), accept('3')])
    await settle()
    batches[0]!.fail(new Error('invalid byte'))
    for (const index of [1, 2, 3]) {
      await settle()
      if (batches[index]!.keys[0] === 'm:bad') batches[index]!.fail(new Error('invalid byte'))
      else batches[index]!.answer()
    }
    expect((await all).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  })

  it('accepts a duplicate without waking anybody', async () => {
    const { accept, batches, wakes, events } = intake()
    const accepted = accept('1')
    await settle()
    batches[0]!.answer([{ id: 7, duplicate: true }])
    await accepted
    expect(wakes).toEqual([])
    expect(events).toMatchObject([{ stage: 'received', eventId: 7, duplicate: true }])
  })

  it('wakes when it is not known whether a batch was committed', async () => {
    const { accept, batches, wakes } = intake()
    const refused = accept('1')
    await settle()
    batches[0]!.fail(down)
    await expect(refused).rejects.toBe(down)
    expect(wakes).toHaveLength(1)
  })

  it('refuses what exceeds the queue and takes events again afterwards', async () => {
    const { accept, batches } = intake({ maxWaiting: 2 })
    const first = accept('0')
    await settle()
    const waiting = [accept('1'), accept('2')]
    await expect(accept('3')).rejects.toMatchObject({
      code: 'INTAKE_FULL',
      retryable: true,
      message: 'the limit of 2 events that wait for the database is reached: check whether the database answers',
    })
    batches[0]!.answer()
    await first
    await settle()
    batches[1]!.answer()
    await Promise.all(waiting)
    const later = accept('4')
    await settle()
    batches[2]!.answer()
    await expect(later).resolves.toMatchObject({ duplicate: false })
  })
})

describe('what intake makes of an event', () => {
  function admitting({ perSecond = 50, burst = 200 } = {}) {
    const clock = new FakeClock()
    const stored: NewEvent[] = []
    const subject = new Intake({
      maxBatch: 10,
      maxWaiting: 10,
      limit: new InboundLimit({ perSecond, burst }),
      maxPayloadBytes: 1_000,
      clock,
      emit: () => {},
      onCommitted: () => {},
      inbox: {
        accept(items) {
          stored.push(...items)
          return Promise.resolve(items.map((_item, id) => ({ id, duplicate: false })))
        },
      },
    })
    const accept = async (event: Partial<FeishuEvent>, botId = 'a') => {
      await subject.accept(botId, { ...messageEvent('c', `${stored.length}`), ...event })
      return stored.at(-1)
    }
    return { accept, clock }
  }
  const recallOf = (payload: unknown): Partial<FeishuEvent> => ({
    type: 'im.message.recalled_v1',
    payload: JSON.stringify(payload),
  })

  it('delays what is over the limit of its bot, and nothing of another', async () => {
    const { accept, clock } = admitting({ perSecond: 2, burst: 1 })
    expect(await accept({})).not.toHaveProperty('delayMs')
    expect(await accept({})).toMatchObject({ delayMs: 500 })
    expect(await accept({})).toMatchObject({ delayMs: 1_000 })
    expect(await accept({}, 'b')).not.toHaveProperty('delayMs')
    await clock.advance(1_500)
    expect(await accept({})).not.toHaveProperty('delayMs')
  })

  it('never delays a press on a card', async () => {
    const { accept } = admitting({ perSecond: 1, burst: 1 })
    await accept({})
    for (let n = 0; n < 3; n++) expect(await accept({ type: 'card.action.trigger' })).not.toHaveProperty('delayMs')
  })

  it('buries what is too large, naming size and limit', async () => {
    const { accept } = admitting()
    const { dead } = (await accept({ oversizeBytes: 2_345 })) ?? {}
    expect(dead).toMatchObject({ reason: 'payload_too_large', error: { code: 'PAYLOAD_TOO_LARGE', retryable: false } })
    expect(dead?.error.message).toMatch(/2345 bytes.* 1000 \(connection\.maxPayloadBytes\)/)
    expect(await accept({})).not.toHaveProperty('dead')
  })

  it('reads from a recall which message it takes back', async () => {
    const { accept } = admitting()
    expect(await accept(recallOf({ event: { message_id: 'om_1' } }))).toMatchObject({ recalls: 'm:om_1' })
    expect(await accept({ payload: JSON.stringify({ event: { message_id: 'om_1' } }) })).not.toHaveProperty('recalls')
  })

  it.each([{}, { event: {} }, { event: { message_id: 7 } }, { event: { message_id: '' } }, null, { event: null }])(
    'stores a recall that does not say: %j',
    async (payload) => {
      const { accept } = admitting()
      expect(await accept(recallOf(payload))).not.toHaveProperty('recalls')
    },
  )

  it('stores a recall that is no JSON', async () => {
    const { accept } = admitting()
    expect(await accept({ ...recallOf(0), payload: '{"event":' })).not.toHaveProperty('recalls')
  })
})
