import { beforeEach, describe, expect, it } from 'vitest'
import { type StoreDriver } from '../support/store.ts'

/** What `accept` stores, and what it takes for a repetition. */
export function describeAccept(current: () => StoreDriver): void {
  describe('accept', () => {
    let db: StoreDriver
    beforeEach(() => {
      db = current()
    })

    it('stores events in the given order', async () => {
      const accepted = await db.accept({ lane: 'a' }, { lane: 'b' }, { lane: 'a' }, { lane: 'c' })
      expect(accepted.map(({ duplicate }) => duplicate)).toEqual([false, false, false, false])
      const ids = accepted.map(({ id }) => id)
      expect(ids).toEqual(ids.toSorted((a, b) => a - b))
      const stored = await db.rows<{ lane: string }>('select lane from feishu_inbox order by id')
      expect(stored.map(({ lane }) => lane)).toEqual(['a', 'b', 'a', 'c'])
    })

    it('answers a repeated event with the first id, in one batch and over batches', async () => {
      const [first, again, other] = await db.accept({ dedupeKey: 'k' }, { dedupeKey: 'k' }, { dedupeKey: 'l' })
      expect(again).toEqual({ id: first?.id, duplicate: true })
      expect(other?.duplicate).toBe(false)
      expect(await db.accept({ dedupeKey: 'l' }, { dedupeKey: 'n' }, { dedupeKey: 'k' })).toEqual([
        { id: other?.id, duplicate: true },
        { id: expect.any(Number), duplicate: false },
        { id: first?.id, duplicate: true },
      ])
      expect(await db.rows('select pending from feishu_lanes')).toEqual([{ pending: 3 }])
    })

    it('keeps the same key of two bots apart', async () => {
      const accepted = await db.accept({ botId: 'bot_a', dedupeKey: 'k' }, { botId: 'bot_b', dedupeKey: 'k' })
      expect(accepted.map(({ duplicate }) => duplicate)).toEqual([false, false])
    })

    it('stores an event once when it arrives many times at the same time', async () => {
      const answers = (await Promise.all(Array.from({ length: 20 }, () => db.accept({ dedupeKey: 'k' })))).flat()
      expect(answers.filter(({ duplicate }) => !duplicate)).toHaveLength(1)
      expect(new Set(answers.map(({ id }) => id)).size).toBe(1)
      expect(await db.rows('select pending from feishu_lanes')).toEqual([{ pending: 1 }])
    })

    it('takes batches of the same lanes in opposite order at the same time', async () => {
      const lanes = Array.from({ length: 30 }, (_none, index) => ({ lane: `oc_${index}` }))
      await Promise.all(
        Array.from({ length: 10 }, (_none, round) => db.accept(...(round % 2 ? lanes : lanes.toReversed()))),
      )
      expect(await db.rows('select distinct pending from feishu_lanes')).toEqual([{ pending: 10 }])
    })

    it('stores what PostgreSQL would refuse', async () => {
      const payload = `{"text":"a\u0000b\ud800c \\u0000 \\"{},' 😀 中"}`
      const long = `oc_${'x'.repeat(5_000)}`
      await db.accept(
        { payload, lane: 'n\u0000l', dedupeKey: 'k\udfff', createdAt: Number.NaN },
        { lane: long, dedupeKey: `${long}1` },
        { lane: long, dedupeKey: `${long}2` },
      )
      const [first] = await db.claim('me', 1)
      expect(first).toMatchObject({
        lane: 'n\uFFFDl',
        dedupeKey: 'k\uFFFD',
        payload: `{"text":"a\uFFFDb\uFFFDc \\u0000 \\"{},' 😀 中"}`,
      })
      expect(await db.accept({ lane: long, dedupeKey: `${long}2` })).toEqual([
        { id: expect.any(Number), duplicate: true },
      ])
      expect(await db.store.inbox.summary()).toMatchObject({ depth: 3 })
    })

    it('accepts nothing', async () => {
      expect(await db.accept()).toEqual([])
    })

    it('stores a batch of 2000', async () => {
      const accepted = await db.accept(
        ...Array.from({ length: 2_000 }, (_none, index) => ({ lane: `oc_${index % 50}` })),
      )
      expect(accepted.every(({ duplicate }) => !duplicate)).toBe(true)
      expect(accepted.map(({ id }) => id)).toEqual(accepted.map(({ id }) => id).toSorted((a, b) => a - b))
    })
  })
}
