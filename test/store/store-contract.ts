import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ClaimedEvent } from '../../src/store/store.ts'
import { reply, StoreDriver, type StoreUnderTest } from '../support/store.ts'
import { describeClaimedArrivals } from './claimed-arrivals.ts'
import { describeInbox } from './inbox-contract.ts'
import { describeReplyStore } from './reply-store-contract.ts'
import { describeAccept } from './store-accept.ts'
import { describeBots } from './store-bots.ts'
import { describeClaimEvent } from './store-claim-event.ts'
import { describeClaim } from './store-claim.ts'
import { describeStaleFences } from './store-fences.ts'
import { describeFinish } from './store-finish.ts'
import { describeInstances } from './store-instances.ts'
import { describeLostAnswers } from './store-lost-answers.ts'
import { describeSettle } from './store-settle.ts'

const PARTS = [
  describeReplyStore,
  describeClaimedArrivals,
  describeAccept,
  describeClaim,
  describeClaimEvent,
  describeFinish,
  describeSettle,
  describeStaleFences,
  describeInstances,
  describeLostAnswers,
  describeBots,
]

/** What every database has to do; `open` may take long, so it is called once. */
export function describeStore(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`the store on ${name}`, () => {
    let opened: StoreUnderTest
    let db: StoreDriver

    beforeAll(async () => {
      opened = await open()
      db = new StoreDriver(opened)
    })
    afterAll(() => opened?.close())
    beforeEach(() => db.clear())

    describeInbox(`on ${name}`, () => ({
      inbox: db.store.inbox,
      age: (ms) => db.age(ms),
      rescue: (owner) => db.store.instances.release(owner),
      instances: {
        renew: (owner, isDraining) => db.store.instances.renew(owner, 60_000, isDraining),
        lapse: async (owner) =>
          void (await db.rows('update feishu_instances set expires_at = now() where id = $1', [owner])),
        rescue: () => db.store.instances.rescue('nobody', false),
      },
      async expectIdle() {
        const busy = 'pending <> 0 or unsent <> 0 or resubmitted <> 0 or owner is not null or ready_at is not null'
        expect(await db.rows(`select * from feishu_lanes where ${busy}`)).toEqual([])
      },
    }))

    for (const describePart of PARTS) describePart(() => db)

    it('forgets replies and idle lanes with their events, and no other lane', async () => {
      await db.accept({ lane: 'idle' }, { lane: 'busy' })
      for (const item of await db.claim()) {
        if (item.kind !== 'event') throw new Error('no replies were stored')
        await db.complete(item, [reply()])
        await db.sent(item.id, 0, item.fence)
      }
      await db.age(86_400_000)
      const [waiting] = await db.accept({ lane: 'busy' })
      expect(await db.store.inbox.prune({ olderThanMs: 86_400_000, limit: 10 })).toBe(2)
      expect(await db.rows('select id from feishu_inbox')).toEqual([{ id: waiting?.id }])
      expect(await db.rows('select * from feishu_outbox')).toEqual([])
      expect(await db.rows('select lane, pending from feishu_lanes')).toEqual([{ lane: 'busy', pending: 1 }])
      expect(await db.claimEvent()).toMatchObject({ id: waiting?.id })
    })

    it('sums up depth, age and dead letters', async () => {
      expect(await db.store.inbox.summary()).toEqual({ depth: 0, oldestAgeMs: 0, dead: 0 })
      await db.accept({ lane: 'a' }, { lane: 'b' }, { lane: 'c' })
      await db.rows("update feishu_inbox set received_at = now() - interval '1 hour' where lane = 'a'")
      const [a, b] = (await db.claimEvents()) as [ClaimedEvent, ClaimedEvent]
      await db.complete(a, [reply()])
      await db.complete(b)
      const summary = await db.store.inbox.summary()
      expect(summary).toMatchObject({ depth: 2, dead: 0 })
      expect(summary.oldestAgeMs).toBeGreaterThan(3_590_000)
      await db.sent(a.id, 0, a.fence)
      expect(await db.store.inbox.summary()).toMatchObject({ depth: 1 })
    })

    it('knows the last messages of a chat and what answered them, newest first', async () => {
      const said = (lane: string, payload: string, more = {}) => ({ lane, payload, dedupeKey: payload, ...more })
      await db.accept(said('c', '{"n":1}'), said('other', '{"n":2}'), said('c', '{"n":3}', { botId: 'bot_b' }))
      const first = (await db.claim()).find(
        (item) => item.kind === 'event' && item.payload === '{"n":1}',
      ) as ClaimedEvent
      await db.complete(first, [reply(), reply()])
      await db.sent(first.id, 0, first.fence)
      await db.accept(said('c', '{"n":4}', { type: 'im.chat.updated_v1' }), said('c', '{"n":5}'))
      const [now] = await db.accept(said('c', '{"n":6}'), said('c', '{"n":7}'))
      const history = (limit: number) =>
        db.store.log.history({ botId: 'bot_a', chatId: 'c', beforeId: now?.id ?? 0, limit })
      const own = { kind: 'reply', messageId: `om_reply_${first.id}_0`, msgType: 'text' }
      expect(await history(10)).toMatchObject([{ kind: 'event', payload: '{"n":5}' }, own, { payload: '{"n":1}' }])
      expect(await history(2)).toMatchObject([{ payload: '{"n":5}' }, own])
    })

    it('writes down when an event arrived and was acknowledged, over retries and replies', async () => {
      const now = Date.now()
      const [accepted] = await db.accept({ receivedAt: now - 60_000 })
      const { id, sinceArrivalMs, fence } = await db.claimEvent()
      expect(sinceArrivalMs).toBeGreaterThanOrEqual(60_000)
      expect(sinceArrivalMs).toBeLessThan(70_000)
      const error = { code: 'HANDLER_FAILED', message: 'boom', retryable: true } as const
      const result = { kind: 'retry', afterMs: 0, error } as const
      const ackedAt = now - 30_000
      await db.store.inbox.finish([{ id, fence, result, ackedAt }])
      // It is not known any more where a later attempt ends.
      const second = await db.claimEvent()
      await db.complete(second, [reply(), reply()])
      const way = await db.store.log.get(accepted?.id ?? 0)
      const { receivedAt = 0, persistedAt = 0, ackedAt: storedAck = 0 } = way ?? {}
      expect(persistedAt - receivedAt).toBeGreaterThanOrEqual(60_000)
      expect(storedAck - receivedAt).toBeGreaterThan(29_000)
      expect(storedAck - receivedAt).toBeLessThan(31_000)
      await db.retryReply(id, 0, second.fence, 0)
      const { replies } = await db.claimReplies()
      expect(replies.map(({ sinceArrivalMs: ms = 0 }) => ms >= 60_000 && ms < 70_000)).toEqual([true, true])
    })

    it('says nothing of the arrival of an event that was put back', async () => {
      const [accepted] = await db.accept({ receivedAt: Date.now() - 60_000 })
      const { id, fence } = await db.claimEvent()
      const error = { code: 'HANDLER_FAILED', message: 'boom', retryable: true } as const
      const result = { kind: 'dead', reason: 'expired', error } as const
      await db.store.inbox.finish([{ id, fence, result }])
      await db.store.inbox.resubmit({ eventId: accepted?.id ?? 0 })
      expect(await db.claimEvent()).not.toHaveProperty('sinceArrivalMs')
    })

    it('answers a ping', async () => {
      await expect(db.store.ping()).resolves.toBeUndefined()
    })

    it('says what failed when a statement is wrong, without its values', async () => {
      const failure = db.rows('select $1::text from no_such_table', ['canary'])
      await expect(failure).rejects.toMatchObject({ code: 'INTERNAL', message: expect.stringMatching('42P01') })
      await expect(failure).rejects.not.toThrow('canary')
    })
  })
}
