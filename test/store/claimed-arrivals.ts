import { describe, expect, it } from 'vitest'
import type { Accepted, ArrivalOrder } from '../../src/store/store.ts'
import { event, reply, type StoreDriver } from '../support/store.ts'

interface Arrival {
  readonly botId?: string
  readonly lane?: string
  readonly dedupeKey?: string
  readonly delayMs?: number
}

/** Of what was not claimed. */
const NOTHING = { id: 0, fence: { owner: 'nobody', epoch: 0 } }

/** Events that are claimed as they are stored. */
export function describeClaimedArrivals(current: () => StoreDriver): void {
  const arrive = (order: Partial<ArrivalOrder>, ...arrivals: Arrival[]): Promise<Accepted[]> =>
    current().store.inbox.accept(
      arrivals.map(({ botId = 'bot_a', delayMs = 0, ...fields }) => ({ botId, delayMs, event: event(fields) })),
      { owner: 'me', limit: 10, ...order },
    )
  const claimedOf = (accepted: readonly Accepted[]): boolean[] => accepted.map(({ claimed }) => claimed !== undefined)

  /** Chats that had a message before, and rest. */
  async function known(...lanes: string[]): Promise<void> {
    const db = current()
    await db.accept(...lanes.map((lane) => ({ lane })), ...lanes.map((lane) => ({ lane, botId: 'bot_b' })))
    for (const item of await db.claim()) if (item.kind === 'event') await db.complete(item)
  }

  describe('accept and claim in one', () => {
    it('hands out what has nothing before it, as a claim would', async () => {
      const db = current()
      await known('a')
      const [{ id, claimed } = { id: 0 }] = await arrive({}, { lane: 'a' })
      const [row] = await db.rows<{ payload: string; type: string }>(
        'select payload, type from feishu_inbox where id = $1',
        [id],
      )
      expect(claimed).toMatchObject({
        kind: 'event',
        id,
        botId: 'bot_a',
        lane: 'a',
        attempt: 1,
        ...row,
        ageMs: 0,
      })
      expect(claimed?.staleMs).toBeGreaterThan(0)
      expect(claimed?.hasMore).toBe(false)
      expect(await db.claim('other')).toEqual([])
      const { fence } = claimed ?? NOTHING
      expect(await db.complete({ id, fence }, [reply()])).toBe(true)
      expect(await db.sent(id, 0, fence)).toBe(true)
      expect(await db.claim()).toEqual([])
    })

    it('takes a new epoch with each claim, also in a chat that was forgotten and came again', async () => {
      const db = current()
      await known('a')
      const epochs: number[] = []
      for (let round = 0; round < 3; round++) {
        const [first] = await arrive({}, { lane: 'a' })
        const { fence, id } = first?.claimed ?? NOTHING
        epochs.push(fence.epoch)
        await db.store.inbox.finish([{ id, fence, result: { kind: 'released' } }])
        const again = await db.store.inbox.claimEvent({ owner: 'me', eventId: id })
        epochs.push(again?.fence.epoch ?? 0)
        expect(await db.complete({ id, fence })).toBe(false)
        expect(await db.complete(again ?? NOTHING)).toBe(true)
        await db.store.inbox.prune({ olderThanMs: 0, limit: 10 })
        expect(await db.rows("select 1 from feishu_lanes where bot_id = 'bot_a'")).toEqual([])
        await db.accept({ lane: 'a' })
        const fresh = await db.claimEvent()
        epochs.push(fresh.fence.epoch)
        await db.complete(fresh)
      }
      expect(epochs).toEqual([...new Set(epochs)].toSorted((a, b) => a - b))
    })

    it('leaves what comes behind it in its lane, which is free when it is done', async () => {
      const db = current()
      await known('a')
      const [first, second] = await arrive({}, { lane: 'a' }, { lane: 'a' })
      expect([first?.claimed?.hasMore, second?.claimed]).toEqual([true, undefined])
      const [third] = await arrive({}, { lane: 'a' })
      expect(await db.claim()).toEqual([])
      expect(await db.complete(first?.claimed ?? NOTHING)).toBe(true)
      expect((await db.claimEvent()).id).toBe(second?.id)
      expect(third?.claimed).toBeUndefined()
    })

    it('never passes what waits, is run or is sent in the lane', async () => {
      const db = current()
      await known('waits', 'runs', 'sends')
      await db.accept({ lane: 'runs' }, { lane: 'sends' })
      for (const item of await db.claim('other')) {
        if (item.kind === 'event' && item.lane === 'sends') await db.complete(item, [reply()])
      }
      await db.accept({ lane: 'waits' })
      expect(claimedOf(await arrive({}, { lane: 'waits' }, { lane: 'runs' }, { lane: 'sends' }))).toEqual([
        false,
        false,
        false,
      ])
    })

    it('claims no duplicate, nothing delayed and no chat that is new', async () => {
      const db = current()
      await known('a', 'b')
      const [stored] = await db.accept({ lane: 'a', dedupeKey: 'm:1' })
      await db.complete(await db.claimEvent())
      const accepted = await arrive(
        {},
        { lane: 'a', dedupeKey: 'm:1' },
        { lane: 'b', delayMs: 60_000 },
        { lane: 'new', dedupeKey: 'm:2' },
      )
      expect(claimedOf(accepted)).toEqual([false, false, false])
      expect(accepted[0]).toEqual({ id: stored?.id, duplicate: true })
      expect((await db.claimEvent()).lane).toBe('new')
    })

    it('claims an event that comes twice at once once', async () => {
      await known('a')
      const accepted = await arrive({}, { lane: 'a', dedupeKey: 'm:1' }, { lane: 'a', dedupeKey: 'm:1' })
      expect(claimedOf(accepted)).toEqual([true, false])
      expect(accepted.map(({ duplicate }) => duplicate)).toEqual([false, true])
    })

    it('claims no more than it may, in turn over the bots, and stores the rest', async () => {
      const db = current()
      await known('a', 'b', 'c')
      const flood = ['a', 'b', 'c'].map((lane) => ({ lane }))
      const order = { limit: 2, perBot: 2, perBotLimits: { bot_b: 1 } }
      const accepted = await arrive(order, ...flood, ...flood.map(({ lane }) => ({ lane, botId: 'bot_b' })))
      expect(claimedOf(accepted)).toEqual([true, false, false, true, false, false])
      expect(await db.claim()).toHaveLength(4)
    })

    it('gives the room of a lane that its owner has already to another', async () => {
      await known('a', 'b')
      const isBusy = (botId: string, lane: string): boolean => botId === 'bot_a' && lane === 'a'
      expect(claimedOf(await arrive({ limit: 1, isBusy }, { lane: 'a' }, { lane: 'b' }))).toEqual([false, true])
    })

    it('of two at once one gets the lane, and the events keep their order', async () => {
      const db = current()
      await known('a', 'b')
      const both = await Promise.all([
        arrive({ owner: 'one' }, { lane: 'a' }, { lane: 'b' }),
        arrive({ owner: 'two' }, { lane: 'b' }, { lane: 'a' }),
      ])
      const claimed = both.flat().flatMap((one) => one.claimed ?? [])
      expect(claimed.map(({ lane }) => lane).sort()).toEqual(['a', 'b'])
      for (const { id, lane } of claimed) {
        expect(id).toBe(
          Math.min(
            ...(
              await db.rows<{ id: number }>(
                'select id from feishu_inbox where lane = $1 and state <> $2 and bot_id = $3',
                [lane, 'completed', 'bot_a'],
              )
            ).map((row) => row.id),
          ),
        )
      }
    })
  })
}
