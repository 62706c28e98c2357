import { beforeEach, describe, expect, it } from 'vitest'
import type { ClaimedEvent, EventResult } from '../../src/store/store.ts'
import { reply, type StoreDriver } from '../support/store.ts'

const ERROR = { code: 'HANDLER_FAILED', message: 'boom', retryable: true } as const

/** What becomes of an event and its lane when its run is over. */
export function describeFinish(current: () => StoreDriver): void {
  describe('finish', () => {
    let db: StoreDriver
    beforeEach(() => {
      db = current()
    })

    it('completes an event and frees its lane', async () => {
      await db.accept({}, {})
      const first = await db.claimEvent()
      expect(await db.complete(first)).toBe(true)
      expect((await db.claimEvent()).id).toBeGreaterThan(first.id)
    })

    it('keeps the lane until the last reply is settled', async () => {
      await db.accept({}, {})
      const first = await db.claimEvent()
      expect(await db.complete(first, [reply(), reply()])).toBe(true)
      const { fence } = first
      expect(await db.claim()).toEqual([])
      expect(await db.sent(first.id, 0, fence)).toBe(true)
      expect(await db.claim()).toEqual([])
      expect(await db.sent(first.id, 1, fence)).toBe(true)
      expect((await db.claimEvent()).id).toBeGreaterThan(first.id)
      const sent = await db.rows(
        'select part, state, sent_message_id, sent_at is not null as at from feishu_outbox order by part',
      )
      expect(sent).toEqual([
        { part: 0, state: 'sent', sent_message_id: `om_reply_${first.id}_0`, at: true },
        { part: 1, state: 'sent', sent_message_id: `om_reply_${first.id}_1`, at: true },
      ])
    })

    it('retries later, ahead of its successors, with the attempt counted', async () => {
      await db.accept({}, {})
      const first = await db.claimEvent()
      expect(await db.retry(first, 60_000)).toBe(true)
      await db.accept({})
      expect(await db.nextDueMs()).toBeGreaterThan(50_000)
      expect(await db.claim()).toEqual([])
      await db.passTime()
      expect(await db.claimEvent()).toMatchObject({ id: first.id, attempt: 2 })
      expect(await db.rows('select last_error from feishu_inbox where id = $1', [first.id])).toEqual([
        { last_error: ERROR },
      ])
    })

    it('does not run a retry early when its lane was due by mistake', async () => {
      await db.accept({})
      await db.retry(await db.claimEvent(), 60_000)
      await db.rows('update feishu_lanes set ready_at = now()')
      expect(await db.claim()).toEqual([])
      expect(await db.nextDueMs()).toBeGreaterThan(50_000)
    })

    it('buries an event with its reason and goes on with the lane', async () => {
      await db.accept({}, {})
      const { id, fence } = await db.claimEvent()
      const result = { kind: 'dead', reason: 'attempts', error: { ...ERROR, message: 'nul \u0000 \ud800' } } as const
      expect(await db.store.inbox.finish([{ id, fence, result }])).toEqual([true])
      expect(await db.rows('select state, reason, last_error from feishu_inbox where id = $1', [id])).toEqual([
        { state: 'dead', reason: 'attempts', last_error: { ...ERROR, message: 'nul \uFFFD \uFFFD' } },
      ])
      expect((await db.claimEvent()).id).toBeGreaterThan(id)
      expect(await db.store.inbox.summary()).toMatchObject({ depth: 1, dead: 1 })
    })

    it('gives a claim back without counting it', async () => {
      await db.accept({})
      const { id, fence } = await db.claimEvent()
      expect(await db.store.inbox.finish([{ id, fence, result: { kind: 'released' } }])).toEqual([true])
      expect(await db.claimEvent('other')).toMatchObject({ id, attempt: 1 })
    })

    it('finishes a batch, each by its own result and fence', async () => {
      await db.accept(...['a', 'b', 'c', 'd', 'e'].map((lane) => ({ lane })))
      const items = await db.claimEvents()
      const results: EventResult[] = [
        { kind: 'completed', replies: [] },
        { kind: 'completed', replies: [reply({ content: '{"part":0}' }), reply({ content: '{"part":1}' })] },
        { kind: 'retry', afterMs: 60_000, error: ERROR },
        { kind: 'completed', replies: [reply()] },
        { kind: 'dead', reason: 'attempts', error: ERROR },
      ]
      const finished = results.map((result, index) => {
        const { id, fence } = items[index] as ClaimedEvent
        return { id, fence: index === 3 ? { ...fence, owner: 'zombie' } : fence, result }
      })
      expect(await db.store.inbox.finish(finished)).toEqual([true, true, true, false, true])
      expect(await db.rows('select lane, part, content, attempt from feishu_outbox order by lane, part')).toEqual([
        { lane: 'b', part: 0, content: '{"part":0}', attempt: 1 },
        { lane: 'b', part: 1, content: '{"part":1}', attempt: 1 },
      ])
      const lanes = 'select lane, pending, owner, ready_at is not null as waits from feishu_lanes order by lane'
      expect(await db.rows(lanes)).toEqual([
        { lane: 'a', pending: 0, owner: null, waits: false },
        { lane: 'b', pending: 1, owner: 'me', waits: true },
        { lane: 'c', pending: 1, owner: null, waits: true },
        { lane: 'd', pending: 1, owner: 'me', waits: true },
        { lane: 'e', pending: 0, owner: null, waits: false },
      ])
      expect(await db.store.inbox.finish([])).toEqual([])
    })

    it('lets only the first of two results for one event count', async () => {
      await db.accept({})
      const { id, fence } = await db.claimEvent()
      const completed = { kind: 'completed', replies: [] } as const
      const results = [
        { id, fence, result: completed },
        { id, fence, result: { kind: 'released' } as const },
      ]
      expect(await db.store.inbox.finish(results)).toEqual([true, false])
      expect(await db.claim()).toEqual([])
    })
  })
}
