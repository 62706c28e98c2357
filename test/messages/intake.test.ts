import { describe, expect, it } from 'vitest'
import { deferred } from '../../src/core/deferred.ts'
import { FeishuSupervisorError } from '../../src/core/errors.ts'
import { Intake } from '../../src/messages/intake.ts'
import type { MessageEvent } from '../../src/protocol/events.ts'
import type { Accepted } from '../../src/store/store.ts'
import { messageEvent } from './dispatcher-bench.ts'
import { settle } from './fake-clock.ts'

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

  it('refuses what exceeds the queue and takes events again afterwards', async () => {
    const { accept, batches } = intake({ maxWaiting: 2 })
    const first = accept('0')
    await settle()
    const waiting = [accept('1'), accept('2')]
    await expect(accept('3')).rejects.toMatchObject({ code: 'INTAKE_FULL', retryable: true })
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
