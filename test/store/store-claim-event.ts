import { beforeEach, describe, expect, it } from 'vitest'
import type { ClaimedEvent } from '../../src/store/store.ts'
import { losingInbox } from './losing-inbox.ts'
import { event, type StoreDriver } from '../support/store.ts'

const AWAY = { code: 'REPLY_FAILED', message: 'away', retryable: true } as const

const REPLY = {
  messageId: 'om_1',
  receiver: { type: 'chat_id', id: 'oc_1' },
  uuid: 'u_claim_event',
  msgType: 'text',
  content: '{"text":"hi"}',
} as const

/** What an event that cannot wait for its turn is promised. */
export function describeClaimEvent(current: () => StoreDriver): void {
  describe('claimEvent', () => {
    let db: StoreDriver
    beforeEach(() => {
      db = current()
    })

    const claimEvent = (eventId: number, owner = 'me') => db.store.inbox.claimEvent({ owner, eventId })
    const store = async (...lanes: string[]): Promise<number[]> =>
      (await db.accept(...lanes.map((lane) => ({ lane })))).map(({ id }) => id)

    it('takes the event and its lane, before older lanes, and counts the attempt', async () => {
      const [older = 0, wanted = 0] = await store('a', 'card:1')
      const claimed = await claimEvent(wanted)
      expect(claimed).toMatchObject({
        kind: 'event',
        id: wanted,
        botId: 'bot_a',
        lane: 'card:1',
        attempt: 1,
        ageMs: expect.any(Number),
        staleMs: expect.any(Number),
      })
      const rest = await db.claim('other')
      expect(rest).toMatchObject([{ id: older }])
      expect(await claimEvent(wanted)).toBeNull()
      expect(await db.complete(claimed as ClaimedEvent)).toBe(true)
      expect(await claimEvent(wanted)).toBeNull()
    })

    it('leaves alone what is not the head of its lane, not due, claimed or unknown', async () => {
      const [first = 0, second = 0] = await store('a', 'a')
      const before = await db.everything()
      expect(await claimEvent(second)).toBeNull()
      expect(await claimEvent(0)).toBeNull()
      expect(await db.everything()).toBe(before)
      const claimed = await db.claimEvent('other')
      expect(claimed.id).toBe(first)
      expect(await claimEvent(first)).toBeNull()
      expect(await claimEvent(second)).toBeNull()
      await db.retry(claimed, 60_000)
      expect(await claimEvent(first)).toBeNull()
      await db.passTime()
      expect(await claimEvent(first)).toMatchObject({ attempt: 2 })
    })

    it('waits for nobody: the replies of a lane come first', async () => {
      const [first = 0, second = 0] = await store('a', 'a')
      const claimed = await db.claimEvent()
      expect(claimed.id).toBe(first)
      const result = { kind: 'completed', replies: [REPLY] } as const
      await db.store.inbox.finish([{ id: first, fence: claimed.fence, result }])
      expect(await claimEvent(second)).toBeNull()
      const retry = { kind: 'retry', afterMs: 0, error: AWAY, isRefused: true } as const
      await db.store.inbox.settle([{ eventId: first, part: 0, fence: claimed.fence, result: retry }])
      expect(await claimEvent(second)).toBeNull()
    })

    it('never gives one event to two', async () => {
      const ids = await store(...Array.from({ length: 20 }, (_none, index) => `card:${index}`))
      const claims = await Promise.all(ids.flatMap((id) => [claimEvent(id, 'one'), claimEvent(id, 'two')]))
      const loop = await db.claim('loop', 20)
      const taken = [...claims.flatMap((item) => item?.id ?? []), ...loop.map((item) => ('id' in item ? item.id : 0))]
      expect(taken.toSorted((a, b) => a - b)).toEqual(ids)
    })

    it('whose answer got lost is given back, uncounted', async () => {
      const { inbox, loseNext } = losingInbox(db.database)
      const [stored] = await db.store.inbox.accept([{ botId: 'bot_a', event: event({ lane: 'card:1' }) }])
      loseNext()
      await expect(inbox.claimEvent({ owner: 'me', eventId: stored?.id ?? 0 })).rejects.toThrow('terminated')
      expect(await inbox.claim({ owner: 'me', limit: 1 })).toMatchObject({ items: [{ attempt: 1 }] })
    })

    it('is rescued with the rest when its owner is gone', async () => {
      const [id = 0] = await store('card:1')
      await claimEvent(id, 'gone')
      await db.store.instances.release('gone')
      expect(await db.claim()).toMatchObject([{ id, attempt: 1, wasClaimed: true }])
    })
  })
}
