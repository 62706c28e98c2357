import { describe, expect, it } from 'vitest'
import { event, reply } from '../support/store.ts'
import { type CurrentInbox, DEAD, inboxDriver } from './inbox-driver.ts'

/** Events that begin later, or not at all. */
export function describeArrivals(current: CurrentInbox): void {
  const db = inboxDriver(current)

  describe('delays', () => {
    it('an event, and its successors behind it', async () => {
      const [first, second, other] = await db.accept({ lane: 'a', delayMs: 60_000 }, { lane: 'a' }, { lane: 'b' })
      const { items, nextDueMs } = await db.claim()
      expect(items).toMatchObject([{ id: other }])
      expect(nextDueMs).toBeGreaterThan(50_000)
      expect(nextDueMs).toBeLessThanOrEqual(60_000)
      await db.age(60_000)
      expect(await db.handedOut()).toEqual([String(first)])
      await db.finish(first ?? 0, 1)
      expect(await db.handedOut()).toEqual([String(second)])
    })

    it('a lane until its head is due, whatever comes behind it in the same batch', async () => {
      await db.accept({ lane: 'a', delayMs: 60_000 }, { lane: 'a' }, { lane: 'a', delayMs: 1_000 })
      // Claims nothing, so that no claim mends the time.
      const { nextDueMs } = await db.inbox.claim({ owner: 'me', limit: 0 })
      expect(nextDueMs).toBeGreaterThan(50_000)
    })

    it('an event whose predecessor is being handled', async () => {
      const [first = 0] = await db.accept({ lane: 'a' })
      await db.claimEvent()
      const [second] = await db.accept({ lane: 'a', delayMs: 60_000 })
      await db.finish(first, 1)
      expect((await db.claim()).items).toEqual([])
      expect((await db.claim()).nextDueMs).toBeGreaterThan(50_000)
      await db.age(60_000)
      expect(await db.handedOut()).toEqual([String(second)])
    })

    it('nothing that waits already', async () => {
      const [first] = await db.accept({ lane: 'a' })
      await db.accept({ lane: 'a', delayMs: 60_000 })
      expect(await db.handedOut()).toEqual([String(first)])
    })
  })

  describe('what is dead from the start', () => {
    it('is kept as a dead letter, never run, and in nobody’s way', async () => {
      const [id, next = 0] = await db.accept({ lane: 'a', dead: DEAD, payload: '{"begin' }, { lane: 'a' })
      expect(await db.letters()).toMatchObject([
        { kind: 'event', eventId: id, lane: 'a', payload: '{"begin', attempt: 0, ...DEAD },
      ])
      expect(await db.inbox.summary()).toMatchObject({ depth: 1, dead: 1 })
      expect(await db.handedOut()).toEqual([String(next)])
      await db.finish(next, 1)
      await db.accept({ lane: 'b', dead: DEAD })
      await db.expectIdle()
    })

    it('is known when it comes again', async () => {
      const [id] = await db.accept({ dedupeKey: 'm:1', dead: DEAD })
      expect(await db.inbox.accept([{ botId: 'bot_a', event: event({ dedupeKey: 'm:1' }) }])).toEqual([
        { id, duplicate: true },
      ])
      await db.expectIdle()
    })
  })

  describe('a recall', () => {
    const recall = (messageId: string, lane = 'a') => ({ recalls: `m:${messageId}`, lane, type: 'recalled' })

    it('takes back what waits, head or not', async () => {
      const [, second = 0] = await db.accept(
        { lane: 'a', dedupeKey: 'm:1' },
        { lane: 'a', dedupeKey: 'm:2' },
        { lane: 'a', dedupeKey: 'm:3' },
      )
      const [one = 0] = await db.accept(recall('1'))
      const [three = 0] = await db.accept(recall('3'))
      for (const id of [second, one, three]) {
        expect(await db.handedOut()).toEqual([String(id)])
        await db.finish(id, 1)
      }
      await db.expectIdle()
    })

    it('of the only event leaves an idle lane', async () => {
      await db.accept({ lane: 'a', dedupeKey: 'm:1' })
      await db.accept(recall('1', 'recalls'))
      const { id, type } = await db.claimEvent()
      expect(type).toBe('recalled')
      await db.finish(id, 1)
      await db.expectIdle()
    })

    it('of a head that waits for its retry lets its successor begin', async () => {
      const [first = 0, second] = await db.accept({ lane: 'a', dedupeKey: 'm:1' }, { lane: 'a' })
      await db.claimEvent()
      await db.retry(first, 1, 60_000)
      await db.accept(recall('1', 'b'))
      expect(await db.handedOut()).toContain(String(second))
    })

    it('leaves alone what runs, what is over, and what another bot has', async () => {
      const [running = 0] = await db.accept({ lane: 'a', dedupeKey: 'm:1' })
      await db.claimEvent()
      const [other] = await db.accept({ botId: 'bot_b', lane: 'a', dedupeKey: 'm:1' })
      const [recalling = 0] = await db.accept(recall('1'))
      expect(await db.handedOut()).toEqual([String(other)])
      expect(await db.finish(running, 1, [reply()])).toEqual([true])
      await db.accept(recall('1', 'b'))
      expect(await db.sent(running, 0, 1)).toBe(true)
      expect(await db.handedOut()).toEqual(expect.arrayContaining([String(recalling)]))
    })

    it('keeps a dead letter', async () => {
      const [id = 0] = await db.accept({ lane: 'a', dedupeKey: 'm:1' })
      await db.claimEvent()
      await db.bury(id, 1)
      await db.accept(recall('1'))
      expect(await db.letters()).toMatchObject([{ eventId: id }])
    })

    it('that comes first makes a duplicate of the message', async () => {
      const [recalling = 0] = await db.accept(recall('1'))
      expect(await db.inbox.accept([{ botId: 'bot_a', event: event({ dedupeKey: 'm:1', lane: 'a' }) }])).toMatchObject([
        { duplicate: true },
      ])
      expect(await db.handedOut()).toEqual([String(recalling)])
      await db.finish(recalling, 1)
      await db.expectIdle()
    })

    it('works in one batch with its message, in any order, and twice', async () => {
      const ids = await db.accept(
        { lane: 'a', dedupeKey: 'm:1' },
        { ...recall('1', 'r1'), dedupeKey: 'e:1' },
        { ...recall('2', 'r2'), dedupeKey: 'e:2' },
        { lane: 'a', dedupeKey: 'm:2' },
        { ...recall('1', 'r3'), dedupeKey: 'e:3' },
      )
      expect(await db.handedOut()).toEqual([ids[1], ids[2], ids[4]].map(String))
      await db.accept({ ...recall('1', 'r1'), dedupeKey: 'e:1' })
      for (const id of [ids[1], ids[2], ids[4]]) await db.finish(id ?? 0, 1)
      await db.expectIdle()
    })

    it('does not let an event pass the replies that wait in its lane', async () => {
      const [first = 0, , third] = await db.accept(
        { lane: 'a' },
        { lane: 'a', dedupeKey: 'm:2' },
        { lane: 'a', dedupeKey: 'm:3' },
      )
      await db.claimEvent()
      await db.finish(first, 1, [reply()])
      await db.settle(first, 0, 1, db.later(true))
      await db.accept({ ...recall('2', 'b') })
      expect(await db.handedOut()).not.toContain(String(third))
      await db.age(60_000)
      expect(await db.handedOut()).toEqual([`${first}.0`])
      await db.sent(first, 0, 2)
      expect(await db.handedOut()).toEqual([String(third)])
    })
  })
}
