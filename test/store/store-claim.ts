import { beforeEach, describe, expect, it } from 'vitest'
import { type StoreDriver } from '../support/store.ts'

/** Whose turn is next. */
export function describeClaim(current: () => StoreDriver): void {
  describe('claim', () => {
    let db: StoreDriver
    beforeEach(() => {
      db = current()
    })

    it('gives one event of each lane, oldest lane first, and counts the attempt', async () => {
      await db.accept({ lane: 'b' })
      // The next ones may come within the same tick of the database's clock.
      await db.age(10)
      await db.accept({ lane: 'a', payload: '{"n":1}' }, { lane: 'a' }, { lane: 'c' })
      const items = await db.claim()
      expect(items.map((item) => item.lane)).toEqual(['b', 'a', 'c'])
      expect(items[1]).toMatchObject({ kind: 'event', botId: 'bot_a', type: 'im.message.receive_v1', attempt: 1 })
      expect(items[1]).toMatchObject({ payload: '{"n":1}', ageMs: expect.any(Number) })
      // Whoever ends the run knows whether to claim again.
      expect(items.map((item) => item.kind === 'event' && item.hasMore)).toEqual([false, true, false])
      expect(await db.claim()).toEqual([])
    })

    it('keeps the order of a lane while events arrive', async () => {
      const order: number[] = []
      const expected = (await db.accept({}, {})).map(({ id }) => id)
      for (let round = 0; round < 6; round++) {
        const item = await db.claimEvent()
        order.push(item.id)
        if (round < 4) expected.push(...(await db.accept({})).map(({ id }) => id))
        expect(await db.claim('other')).toEqual([])
        expect(await db.complete(item)).toBe(true)
      }
      expect(order).toEqual(expected)
      expect(await db.claim()).toEqual([])
    })

    it('is fair over bots', async () => {
      await db.accept(...Array.from({ length: 20 }, (_none, index) => ({ botId: 'bot_flood', lane: `oc_${index}` })))
      await db.accept({ botId: 'bot_a', lane: 'x' }, { botId: 'bot_a', lane: 'y' }, { botId: 'bot_z', lane: 'x' })
      const items = await db.claim('me', 4)
      expect(items.map(({ botId }) => botId)).toEqual(['bot_flood', 'bot_a', 'bot_z', 'bot_flood'])
      expect((await db.claim('me', 2)).map(({ botId }) => botId)).toEqual(['bot_flood', 'bot_a'])
    })

    it('gives no bot more than its room', async () => {
      await db.accept(...['a', 'b', 'c'].flatMap((botId) => [1, 2, 3].map((n) => ({ botId, lane: `oc_${n}` }))))
      const { items } = await db.store.inbox.claim({ owner: 'me', limit: 10, perBot: 2, perBotLimits: { b: 1, c: 0 } })
      expect(items.map(({ botId }) => botId).sort()).toEqual(['a', 'a', 'b'])
    })

    it('leaves out bots without room, also from the time of the next event', async () => {
      await db.accept({ botId: 'bot_a' }, { botId: 'bot_b' })
      const claim = { owner: 'me', limit: 10, perBotLimits: { bot_a: 0 } }
      const { items, nextDueMs } = await db.store.inbox.claim(claim)
      expect(items.map(({ botId }) => botId)).toEqual(['bot_b'])
      expect(nextDueMs).toBeNull()
      expect((await db.claim()).map(({ botId }) => botId)).toEqual(['bot_a'])
    })

    it('says when to come back', async () => {
      expect(await db.nextDueMs()).toBeNull()
      await db.accept({ lane: 'a' }, { lane: 'b' })
      expect((await db.store.inbox.claim({ owner: 'me', limit: 1 })).nextDueMs).toBe(0)
      expect((await db.store.inbox.claim({ owner: 'me', limit: 1 })).nextDueMs).toBeNull()
    })

    it('says when the next retry is due', async () => {
      await db.accept({})
      await db.retry(await db.claimEvent(), 60_000)
      const dueMs = await db.nextDueMs(5)
      expect(dueMs).toBeGreaterThan(50_000)
      expect(dueMs).toBeLessThanOrEqual(60_000)
    })

    it('never hands out a lane twice to claimers at the same time', async () => {
      await db.accept(...Array.from({ length: 40 }, (_none, index) => ({ lane: `oc_${index}` })))
      const rounds = await Promise.all(Array.from({ length: 8 }, (_none, index) => db.claim(`owner_${index}`, 10)))
      const ids = rounds.flat().map((item) => (item.kind === 'event' ? item.id : 0))
      expect(new Set(ids).size).toBe(ids.length)
    })
  })
}
