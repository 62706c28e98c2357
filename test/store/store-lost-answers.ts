import { beforeEach, describe, expect, it } from 'vitest'
import { losingInbox } from './losing-inbox.ts'
import { event, reply, type StoreDriver } from '../support/store.ts'

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
      const { id } = await db.claimEvent()
      await db.complete({ id, attempt: 1 }, [reply(), reply()])
      await db.retryReply(id, 0, { owner: 'me', attempt: 1 }, 0)
      const claim = { owner: 'me', limit: 1 }
      loseNext()
      await expect(inbox.claim(claim)).rejects.toThrow('terminated')
      const [item] = (await inbox.claim(claim)).items
      expect(item).toMatchObject({ replies: [{ unknownAttempts: 0 }, { unknownAttempts: 0 }] })
    })

    it('of finish and settle: the repeated call finds its result', async () => {
      const { inbox, loseNext } = losingInbox(db.database)
      await db.accept({}, {})
      const { id } = await db.claimEvent()
      const fence = { owner: 'me', attempt: 1 }
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
  })
}
