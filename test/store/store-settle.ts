import { beforeEach, describe, expect, it } from 'vitest'
import type { ClaimedEvent, ReplyResult } from '../../src/store/store.ts'
import { reply, type StoreDriver } from '../support/store.ts'

const ERROR = { code: 'HANDLER_FAILED', message: 'boom', retryable: true } as const

/** What becomes of a reply and its lane when it was sent. */
export function describeSettle(current: () => StoreDriver): void {
  describe('settle', () => {
    let db: StoreDriver
    beforeEach(() => {
      db = current()
    })

    async function sending(...parts: number[]): Promise<ClaimedEvent> {
      await db.accept({}, {})
      const item = await db.claimEvent()
      await db.complete(
        item,
        parts.map((part) => reply({ uuid: `uuid_${part}`, messageId: 'om_q' })),
      )
      return item
    }

    it('retries a reply later, before anything else of its lane', async () => {
      const { id, fence: first } = await sending(0, 1, 2)
      expect(await db.sent(id, 0, first)).toBe(true)
      expect(await db.retryReply(id, 1, first, 60_000)).toBe(true)
      expect(await db.claim()).toEqual([])
      expect(await db.nextDueMs()).toBeGreaterThan(50_000)
      await db.passTime()
      const { replies } = await db.claimReplies('other')
      const { messageId, receiver, msgType, content } = reply({ messageId: 'om_q' })
      const counts = { attempt: 2, unknownAttempts: 0, ageMs: expect.any(Number), sinceArrivalMs: expect.any(Number) }
      const fence = { owner: 'other', epoch: expect.any(Number) }
      const shared = { eventId: id, fence, messageId, receiver, msgType, content, ...counts }
      expect(replies).toEqual([
        { ...shared, part: 1, uuid: 'uuid_1' },
        { ...shared, part: 2, uuid: 'uuid_2' },
      ])
      const sent = { kind: 'sent', messageId: 'om_x' } as const
      const both = replies.map(({ part, fence: second }) => ({ eventId: id, part, fence: second, result: sent }))
      expect(await db.store.inbox.settle(both)).toEqual([true, true])
      expect((await db.claimEvent()).id).toBeGreaterThan(id)
    })

    it('frees the lane when its last two replies are settled at the same time', async () => {
      const { id, fence } = await sending(0, 1)
      expect(await Promise.all([db.sent(id, 0, fence), db.sent(id, 1, fence)])).toEqual([true, true])
      expect((await db.claimEvent()).id).toBeGreaterThan(id)
    })

    it('buries a reply and sends the next', async () => {
      const { id, fence } = await sending(0)
      const result: ReplyResult = { kind: 'dead', reason: 'refused', error: ERROR, logId: 'log_1' }
      expect(await db.store.inbox.settle([{ eventId: id, part: 0, fence, result }])).toEqual([true])
      expect(await db.rows('select state, reason, last_error, log_id from feishu_outbox')).toEqual([
        { state: 'dead', reason: 'refused', last_error: ERROR, log_id: 'log_1' },
      ])
      expect(await db.store.inbox.summary()).toMatchObject({ depth: 1, dead: 1 })
      expect((await db.claimEvent()).id).toBeGreaterThan(id)
    })

    it('settles nothing', async () => {
      expect(await db.store.inbox.settle([])).toEqual([])
    })
  })
}
