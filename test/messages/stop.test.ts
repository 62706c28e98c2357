import { describe, expect, it } from 'vitest'
import type { SendOutcome } from '../../src/protocol/data.ts'
import { bench, handled, messageEvent } from './dispatcher-bench.ts'
import { settle } from '../support/fake-clock.ts'

/** Follows a promise without awaiting it. */
function isSettled(promise: Promise<unknown>): () => boolean {
  let settled = false
  void promise.then(() => {
    settled = true
  })
  return () => settled
}

describe('stop', () => {
  it('lets what runs end and be answered, and claims nothing more', async () => {
    const { dispatcher, pool, store, sends, put, clock } = bench()
    dispatcher.start()
    await put('a', messageEvent('c', 'm1'), messageEvent('c', 'm2'))
    const stopped = dispatcher.stop(10_000)
    pool.runs[0]!.resolve(handled('one'))
    await stopped
    expect(sends).toHaveLength(1)
    expect(pool.runs).toHaveLength(1)
    expect(store.rows[1]).toMatchObject({ state: 'available', attempt: 0 })
    expect(store.owners()).toEqual([])
    expect(clock.timerCount).toBe(0)
  })

  it.each([
    [20_000, 15_000],
    [3_000, 1_500],
  ])('of a grace of %d ms, handlers have %d ms; what has not ended is given back uncounted', async (graceMs, ms) => {
    const { clock, dispatcher, store, put, events } = bench()
    dispatcher.start()
    await put('a', messageEvent('c', 'm1'))
    const stopped = isSettled(dispatcher.stop(graceMs))
    await clock.advance(ms - 1)
    expect(stopped()).toBe(false)
    await clock.advance(1)
    expect(stopped()).toBe(true)
    expect(store.rows[0]).toMatchObject({ state: 'available', attempt: 0 })
    expect(store.owners()).toEqual([])
    expect(events).toEqual([])
  })

  it('keeps unsent replies in the store, due at once for the next owner', async () => {
    const { clock, dispatcher, pool, store, put } = bench({ send: () => new Promise<SendOutcome>(() => {}) })
    pool.answer = () => Promise.resolve(handled('1', '2'))
    dispatcher.start()
    await put('a', messageEvent('c', 'm1'))
    const stopped = isSettled(dispatcher.stop(1_000))
    await clock.advance(1_000)
    expect(stopped()).toBe(true)
    const { items } = await store.claim({ owner: 'instance-2', limit: 5 })
    expect(items).toMatchObject([{ kind: 'replies', replies: [{ part: 0 }, { part: 1 }] }])
  })

  it.each([
    [20_000, 20_000],
    // A short grace is exceeded: without an answer of the store each message would count an attempt.
    [0, 1_000],
  ])('with a grace of %d ms it resolves after %d ms even if the store never answers', async (graceMs, ms) => {
    const { clock, dispatcher, pool, store, put } = bench()
    dispatcher.start()
    await put('a', messageEvent('c', 'm1'))
    store.fault = () => 'before'
    pool.runs[0]!.resolve(handled('one'))
    const stopped = isSettled(dispatcher.stop(graceMs))
    await clock.advance(ms - 1)
    expect(stopped()).toBe(false)
    await clock.advance(1)
    expect(stopped()).toBe(true)
    expect(clock.timerCount).toBe(0)
    const calls = store.calls.length
    await clock.advance(60_000)
    expect(store.calls).toHaveLength(calls)
  })

  it('gives back what a claim on its way brings, without running it', async () => {
    const { dispatcher, pool, store } = bench()
    await store.accept([{ botId: 'a', event: messageEvent('c', 'm1') }])
    dispatcher.start()
    await dispatcher.stop(1_000)
    expect(pool.runs).toEqual([])
    expect(store.rows[0]).toMatchObject({ state: 'available', attempt: 0 })
    expect(store.owners()).toEqual([])
  })

  it('may be called twice, and before a start', async () => {
    const { dispatcher, store } = bench()
    const first = dispatcher.stop(0)
    expect(dispatcher.stop(0)).toBe(first)
    await first
    dispatcher.start()
    await settle()
    expect(store.calls).toEqual([])
  })
})
