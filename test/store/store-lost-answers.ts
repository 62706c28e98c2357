import { beforeEach, describe, expect, it } from 'vitest'
import type { ClaimedEvent, StoredReply } from '../../src/store/store.ts'
import { losingInbox } from './losing-inbox.ts'
import { event, reply, type StoreDriver } from '../support/store.ts'

const ERROR = { code: 'HANDLER_FAILED', message: 'boom', retryable: true } as const

/** Statements that are carried out, but whose answer does not arrive. */
export function describeLostAnswers(current: () => StoreDriver): void {
  describe('an answer that got lost', () => {
    let db: StoreDriver
    beforeEach(() => {
      db = current()
    })

    it('of accept: the repeated events are duplicates', async () => {
      const { inbox, loseNext } = losingInbox(db.database)
      const events = [{ botId: 'bot_a', event: event() }]
      loseNext()
      await expect(inbox.accept(events)).rejects.toThrow('terminated')
      expect(await inbox.accept(events)).toMatchObject([{ duplicate: true }])
    })

    it('of accept with a claim: the lanes are given back, uncounted', async () => {
      const { inbox, loseNext } = losingInbox(db.database)
      await db.accept({ lane: 'a' })
      await db.complete(await db.claimEvent())
      const claim = { owner: 'me', limit: 1 }
      loseNext()
      await expect(inbox.accept([{ botId: 'bot_a', event: event({ lane: 'a' }) }], claim)).rejects.toThrow('terminated')
      expect(await db.claim('other')).toEqual([])
      expect(await inbox.claim(claim)).toMatchObject({ items: [{ kind: 'event', attempt: 1 }] })
    })

    it('of claim: the lanes are given back, uncounted', async () => {
      const { inbox, loseNext } = losingInbox(db.database)
      await db.accept({})
      const claim = { owner: 'me', limit: 1 }
      loseNext()
      await expect(inbox.claim(claim)).rejects.toThrow('terminated')
      expect(await inbox.claim(claim)).toMatchObject({ items: [{ kind: 'event', attempt: 1 }] })
      expect((await inbox.claim(claim)).items).toEqual([])
    })

    it('of a claim of replies: none of them counts as tried', async () => {
      const { inbox, loseNext } = losingInbox(db.database)
      await db.accept({})
      const first = await db.claimEvent()
      await db.complete(first, [reply(), reply()])
      await db.retryReply(first.id, 0, first.fence, 0)
      const claim = { owner: 'me', limit: 1 }
      loseNext()
      await expect(inbox.claim(claim)).rejects.toThrow('terminated')
      const [item] = (await inbox.claim(claim)).items
      expect(item).toMatchObject({ replies: [{ unknownAttempts: 0 }, { unknownAttempts: 0 }] })
    })

    it('of finish and settle: the repeated call finds its result', async () => {
      const { inbox, loseNext } = losingInbox(db.database)
      await db.accept({}, {})
      const { id, fence } = await db.claimEvent()
      const finished = [{ id, fence, result: { kind: 'completed', replies: [reply()] } as const }]
      loseNext()
      await expect(inbox.finish(finished)).rejects.toThrow('terminated')
      expect(await inbox.finish(finished)).toEqual([true])
      expect(await inbox.finish(finished)).toEqual([false])
      expect(await db.rows('select count(*) as n from feishu_outbox')).toEqual([{ n: 1 }])
      const settled = [{ eventId: id, part: 0, fence, result: { kind: 'sent', messageId: 'om_x' } as const }]
      loseNext()
      await expect(inbox.settle(settled)).rejects.toThrow('terminated')
      expect(await inbox.settle(settled)).toEqual([true])
      expect(await inbox.settle(settled)).toEqual([false])
      expect((await db.claimEvent()).id).toBeGreaterThan(id)
    })

    it('of finish: its result is found although another has the lane by now', async () => {
      const { inbox, loseNext } = losingInbox(db.database)
      await db.accept({}, {})
      const { id, fence } = await db.claimEvent()
      const finished = [{ id, fence, result: { kind: 'completed', replies: [] } as const }]
      loseNext()
      await expect(inbox.finish(finished)).rejects.toThrow('terminated')
      const next = await db.claimEvent('other')
      expect(await inbox.finish(finished)).toEqual([true])
      expect(await db.complete(next)).toBe(true)
    })

    it('of finish with replies: they are not ours any more once another has claimed them', async () => {
      const { inbox, loseNext } = losingInbox(db.database)
      await db.accept({})
      const { id, fence } = await db.claimEvent()
      const finished = [{ id, fence, result: { kind: 'completed', replies: [reply()] } as const }]
      loseNext()
      await expect(inbox.finish(finished)).rejects.toThrow('terminated')
      await db.store.instances.release('me')
      const { replies } = await db.claimReplies()
      expect(replies).toMatchObject([{ fence: { owner: fence.owner } }])
      expect(await inbox.finish(finished)).toEqual([false])
    })

    it.each(['me', 'other'])('of finish: the result of a later claim by %s is not taken for its own', async (owner) => {
      const { inbox, loseNext } = losingInbox(db.database)
      await db.accept({})
      const first = await db.claimEvent()
      const { id, fence } = first
      const finished = [{ id, fence, result: { kind: 'completed', replies: [] } as const }]
      loseNext('unsent')
      await expect(inbox.finish(finished)).rejects.toThrow('terminated')
      // Uncounted, so that the attempts are the same.
      await db.store.inbox.finish([{ id, fence, result: { kind: 'released' } }])
      const second = await db.claimEvent(owner)
      expect(second).toMatchObject({ id, attempt: first.attempt })
      expect(await db.complete(second)).toBe(true)
      expect(await inbox.finish(finished)).toEqual([false])
    })

    it('of finish: what was given back and then recalled is not taken for its own', async () => {
      const { inbox, loseNext } = losingInbox(db.database)
      await db.accept({ dedupeKey: 'm:1' })
      const { id, fence } = await db.claimEvent()
      const finished = [{ id, fence, result: { kind: 'completed', replies: [] } as const }]
      loseNext('unsent')
      await expect(inbox.finish(finished)).rejects.toThrow('terminated')
      await db.store.inbox.finish([{ id, fence, result: { kind: 'retry', afterMs: 60_000, error: ERROR } }])
      await db.store.inbox.accept([{ botId: 'bot_a', event: event({ lane: 'other' }), recalls: 'm:1' }])
      expect(await db.rows('select state from feishu_inbox where id = $1', [id])).toEqual([{ state: 'completed' }])
      expect(await inbox.finish(finished)).toEqual([false])
    })

    it('of settle: the result of a later claim is not taken for its own, whatever its attempt', async () => {
      const { inbox, loseNext } = losingInbox(db.database)
      await db.accept({})
      const first = await db.claimEvent()
      const { id, fence } = first
      await db.complete(first, [reply()])
      const dead = { kind: 'dead', reason: 'refused', error: ERROR } as const
      const settled = [{ eventId: id, part: 0, fence, result: dead }]
      loseNext('unsent')
      await expect(inbox.settle(settled)).rejects.toThrow('terminated')
      await db.store.instances.release('me')
      const [second] = (await db.claimReplies('other')).replies as [StoredReply]
      await db.store.inbox.settle([{ eventId: id, part: 0, fence: second.fence, result: dead }])
      await db.store.inbox.resubmit({ eventId: id, part: 0 })
      const [third] = (await db.claimReplies('other')).replies as [StoredReply]
      expect(third.attempt).toBe(1)
      await db.store.inbox.settle([{ eventId: id, part: 0, fence: third.fence, result: dead }])
      expect(await inbox.settle(settled)).toEqual([false])
    })

    it('of claim: its number is not given out again', async () => {
      const { inbox, loseNext } = losingInbox(db.database)
      await db.accept({})
      loseNext()
      await expect(inbox.claim({ owner: 'me', limit: 1 })).rejects.toThrow('terminated')
      const [lost] = await db.rows<{ epoch: number }>('select epoch from feishu_lanes')
      const { items } = await inbox.claim({ owner: 'me', limit: 1 })
      expect((items[0] as ClaimedEvent).fence.epoch).toBeGreaterThan(lost?.epoch ?? 0)
    })
  })
}
