import { beforeEach, describe, expect, it } from 'vitest'
import type { EventResult, Fence, ReplyResult, StoredReply } from '../../src/store/store.ts'
import { reply, type StoreDriver } from '../support/store.ts'

const ERROR = { code: 'HANDLER_FAILED', message: 'boom', retryable: true } as const

/** Who has lost an event changes nothing about it. */
export function describeStaleFences(current: () => StoreDriver): void {
  describe('a stale fence', () => {
    let db: StoreDriver
    beforeEach(() => {
      db = current()
    })

    const eventResults: EventResult[] = [
      { kind: 'completed', replies: [] },
      { kind: 'completed', replies: [reply()] },
      { kind: 'retry', afterMs: 0, error: ERROR },
      { kind: 'dead', reason: 'attempts', error: ERROR },
      { kind: 'released' },
    ]
    const replyResults: ReplyResult[] = [
      { kind: 'sent', messageId: 'om_x' },
      { kind: 'retry', afterMs: 0, error: ERROR, isRefused: false },
      { kind: 'dead', reason: 'refused', error: ERROR },
    ]
    const stale: [string, (held: Fence) => Fence][] = [
      ['of another owner', (held) => ({ ...held, owner: 'zombie' })],
      ['of an earlier claim', ({ owner, epoch }) => ({ owner, epoch: epoch - 1 })],
      ['of a later claim', ({ owner, epoch }) => ({ owner, epoch: epoch + 1 })],
    ]

    for (const [what, staleOf] of stale) {
      it(`${what} changes nothing about an event`, async () => {
        await db.accept({}, {})
        await db.retry(await db.claimEvent(), 0)
        const held = await db.claimEvent()
        const { id } = held
        const fence = staleOf(held.fence)
        const before = await db.everything()
        for (const result of eventResults) expect(await db.store.inbox.finish([{ id, fence, result }])).toEqual([false])
        expect(await db.everything()).toBe(before)
        expect(await db.complete(held)).toBe(true)
      })

      it(`${what} changes nothing about a reply`, async () => {
        await db.accept({}, {})
        const first = await db.claimEvent()
        const { id } = first
        await db.complete(first, [reply()])
        await db.retryReply(id, 0, first.fence, 0)
        const [held] = (await db.claimReplies()).replies as [StoredReply]
        const fence = staleOf(held.fence)
        const before = await db.everything()
        for (const result of replyResults) {
          expect(await db.store.inbox.settle([{ eventId: id, part: 0, fence, result }])).toEqual([false])
        }
        expect(await db.everything()).toBe(before)
        expect(await db.sent(id, 0, held.fence)).toBe(true)
      })
    }

    it('of finished work changes nothing', async () => {
      await db.accept({}, {})
      const first = await db.claimEvent()
      const { fence } = first
      await db.complete(first, [reply()])
      await db.sent(first.id, 0, fence)
      const before = await db.everything()
      for (const result of eventResults) {
        expect(await db.store.inbox.finish([{ id: first.id, fence, result }])).toEqual([false])
      }
      for (const result of replyResults) {
        expect(await db.store.inbox.settle([{ eventId: first.id, part: 0, fence, result }])).toEqual([false])
      }
      expect(await db.store.inbox.finish([{ id: 999, fence, result: { kind: 'released' } }])).toEqual([false])
      expect(await db.everything()).toBe(before)
    })

    it('of a rescued instance changes nothing about the work of its successor', async () => {
      await db.accept({})
      const old = await db.claimEvent('old')
      await db.store.instances.rescue('me', true)
      const mine = await db.claimEvent('me')
      expect(mine).toMatchObject({ id: old.id, attempt: old.attempt })
      expect(await db.complete(old, [reply()])).toBe(false)
      expect(await db.rows('select count(*) as n from feishu_outbox')).toEqual([{ n: 0 }])
      expect(await db.complete(mine)).toBe(true)
    })
  })
}
