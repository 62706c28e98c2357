import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Secret } from '../../src/core/log/secret.ts'
import { createBotStore } from '../../src/store/bots/bots.ts'
import { Inbox } from '../../src/store/inbox/inbox.ts'
import { SecretBox } from '../../src/store/bots/secrets.ts'
import type { ClaimedEvent, EventResult, Fence, ReplyResult, StoredReply } from '../../src/store/store.ts'
import { describeClaimedArrivals } from './claimed-arrivals.ts'
import { describeInbox } from './inbox-contract.ts'
import { describeReplyStore } from './reply-store-contract.ts'
import { StoreDriver, event, newMasterKey, reply, type StoreUnderTest } from '../support/store.ts'

const ERROR = { code: 'HANDLER_FAILED', message: 'boom', retryable: true } as const

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
      async expectIdle() {
        const busy = 'pending <> 0 or unsent <> 0 or resubmitted <> 0 or owner is not null or ready_at is not null'
        expect(await db.rows(`select * from feishu_lanes where ${busy}`)).toEqual([])
      },
    }))

    describeReplyStore(() => db)
    describeClaimedArrivals(() => db)

    describe('accept', () => {
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

    describe('claim', () => {
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
        const { items } = await db.store.inbox.claim({
          owner: 'me',
          limit: 10,
          perBot: 2,
          perBotLimits: { b: 1, c: 0 },
        })
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

    describe('finish', () => {
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
        const sent = await db.rows('select part, state, sent_message_id, sent_at is not null as at from feishu_outbox')
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

    describe('settle', () => {
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

    describe('a stale fence', () => {
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
          for (const result of eventResults)
            expect(await db.store.inbox.finish([{ id, fence, result }])).toEqual([false])
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
        expect(mine).toMatchObject({ id: old.id, attempt: 2 })
        expect(await db.complete(old, [reply()])).toBe(false)
        expect(await db.rows('select count(*) as n from feishu_outbox')).toEqual([{ n: 0 }])
        expect(await db.complete(mine)).toBe(true)
      })
    })

    describe('instances', () => {
      it('rescues the work of expired instances only', async () => {
        await db.accept({ lane: 'a' }, { lane: 'b' }, { lane: 'c' })
        await db.store.instances.renew('alive', 60_000)
        await db.store.instances.renew('gone', 60_000)
        await db.store.instances.renew('me', 60_000)
        const a = await db.claimEvent('alive')
        const b = await db.claimEvent('gone')
        const c = await db.claimEvent('me')
        expect(await db.store.instances.rescue('me', false)).toEqual({ rescued: 0 })
        await db.rows("update feishu_instances set expires_at = now() - interval '1 ms' where id in ('gone', 'me')")
        expect(await db.store.instances.rescue('me', false)).toEqual({ rescued: 1 })
        expect(await db.claim('me')).toMatchObject([{ kind: 'event', lane: b.lane, attempt: 2 }])
        for (const item of [a, c]) expect(await db.complete(item)).toBe(true)
      })

      it('keeps a renewed lease', async () => {
        await db.accept({})
        await db.store.instances.renew('other', 0)
        await db.claimEvent('other')
        await db.store.instances.renew('other', 60_000)
        expect(await db.store.instances.rescue('me', false)).toEqual({ rescued: 0 })
      })

      it('rescues what an owner without a lease holds', async () => {
        await db.accept({})
        await db.claimEvent('never-seen')
        expect(await db.store.instances.rescue('me', false)).toEqual({ rescued: 1 })
      })

      it('rescues everybody else’s work when asked to, replies included', async () => {
        await db.accept({ lane: 'a' }, { lane: 'b' })
        await db.store.instances.renew('old', 60_000)
        const [a, b] = (await db.claimEvents('old')) as [ClaimedEvent, ClaimedEvent]
        await db.complete(a, [reply(), reply()])
        await db.sent(a.id, 0, a.fence)
        expect(await db.store.instances.rescue('me', true)).toEqual({ rescued: 2 })
        const items = await db.claim('me')
        expect(items.find(({ kind }) => kind === 'event')).toMatchObject({ id: b.id, attempt: 2 })
        expect(items.find(({ kind }) => kind === 'replies')).toMatchObject({ replies: [{ eventId: a.id, part: 1 }] })
        expect(await db.sent(a.id, 1, a.fence)).toBe(false)
      })

      it('releases its own work at once', async () => {
        await db.accept({})
        await db.store.instances.renew('me', 60_000)
        await db.claimEvent('me')
        await db.store.instances.release('me')
        expect(await db.rows('select id from feishu_instances')).toEqual([])
        expect(await db.claimEvent('other')).toMatchObject({ attempt: 2 })
      })
    })

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

    describe('an answer that got lost', () => {
      /** An inbox whose next statement is carried out but not answered, or `unsent`: not carried out either. */
      function losing(): { inbox: Inbox; loseNext: (how?: 'unanswered' | 'unsent') => void } {
        let next: 'answered' | 'unanswered' | 'unsent' = 'answered'
        const inbox = new Inbox({
          async query(statement, values, doing) {
            const how = next
            next = 'answered'
            const rows = how === 'unsent' ? [] : await db.database.query(statement, values, doing)
            if (how !== 'answered') throw new Error('Connection terminated unexpectedly')
            return rows as never
          },
        })
        return { inbox, loseNext: (how = 'unanswered') => (next = how) }
      }

      it('of accept: the repeated events are duplicates', async () => {
        const { inbox, loseNext } = losing()
        const events = [{ botId: 'bot_a', event: event() }]
        loseNext()
        await expect(inbox.accept(events)).rejects.toThrow('terminated')
        expect(await inbox.accept(events)).toMatchObject([{ duplicate: true }])
      })

      it('of accept with a claim: the lanes are given back, uncounted', async () => {
        const { inbox, loseNext } = losing()
        await db.accept({ lane: 'a' })
        await db.complete(await db.claimEvent())
        const claim = { owner: 'me', limit: 1 }
        loseNext()
        await expect(inbox.accept([{ botId: 'bot_a', event: event({ lane: 'a' }) }], claim)).rejects.toThrow(
          'terminated',
        )
        expect(await db.claim('other')).toEqual([])
        expect(await inbox.claim(claim)).toMatchObject({ items: [{ kind: 'event', attempt: 1 }] })
      })

      it('of claim: the lanes are given back, uncounted', async () => {
        const { inbox, loseNext } = losing()
        await db.accept({})
        const claim = { owner: 'me', limit: 1 }
        loseNext()
        await expect(inbox.claim(claim)).rejects.toThrow('terminated')
        expect(await inbox.claim(claim)).toMatchObject({ items: [{ kind: 'event', attempt: 1 }] })
        expect((await inbox.claim(claim)).items).toEqual([])
      })

      it('of a claim of replies: none of them counts as tried', async () => {
        const { inbox, loseNext } = losing()
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
        const { inbox, loseNext } = losing()
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
        const { inbox, loseNext } = losing()
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
        const { inbox, loseNext } = losing()
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

      it.each(['me', 'other'])(
        'of finish: the result of a later claim by %s is not taken for its own',
        async (owner) => {
          const { inbox, loseNext } = losing()
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
        },
      )

      it('of finish: what was given back and then recalled is not taken for its own', async () => {
        const { inbox, loseNext } = losing()
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
        const { inbox, loseNext } = losing()
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
        const { inbox, loseNext } = losing()
        await db.accept({})
        loseNext()
        await expect(inbox.claim({ owner: 'me', limit: 1 })).rejects.toThrow('terminated')
        const [lost] = await db.rows<{ epoch: number }>('select epoch from feishu_lanes')
        const { items } = await inbox.claim({ owner: 'me', limit: 1 })
        expect((items[0] as ClaimedEvent).fence.epoch).toBeGreaterThan(lost?.epoch ?? 0)
      })
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

    describe('bots', () => {
      const bot = {
        name: 'Echo',
        appId: 'cli_1',
        appSecret: new Secret('hush-canary'),
        domain: 'https://open.feishu.cn',
        useWebSocket: true,
        isolation: 'process',
        handler: 'sales',
      } as const

      it('adds and lists bots in order of creation, secrets sealed', async () => {
        const first = await db.store.bots.add(bot)
        const second = await db.store.bots.add({ ...bot, appId: 'cli_0', name: 'nul \u0000', useWebSocket: false })
        expect(first.id).toMatch(/^bot_[0-9a-f]{16}$/)
        const listed = await db.store.bots.list()
        expect(listed).toEqual([first, second])
        expect(listed[0]).toMatchObject({
          name: 'Echo',
          appId: 'cli_1',
          enabled: true,
          useWebSocket: true,
          isolation: 'process',
          handler: 'sales',
        })
        expect(listed[0]?.appSecret.reveal()).toBe('hush-canary')
        expect(JSON.stringify(await db.rows('select * from feishu_bots'))).not.toContain('hush')
      })

      it('changes limits and policy field by field, and takes one back with null', async () => {
        const given = {
          limits: { inboundBurst: 5, maxAgeMs: null },
          policy: { users: ['ou_1'], groups: 'all' },
        } as const
        const { id, limits } = await db.store.bots.add({ ...bot, ...given })
        expect(limits).toEqual({ inboundBurst: 5 })
        await db.store.bots.update(id, { limits: { maxAgeMs: 0 }, policy: { groups: null } })
        await db.store.bots.recordOpenId(id, 'ou_me')
        expect(await db.store.bots.list()).toMatchObject([
          { limits: { inboundBurst: 5, maxAgeMs: 0 }, policy: { users: ['ou_1'] }, openId: 'ou_me' },
        ])
        expect((await db.store.bots.list())[0]?.policy).not.toHaveProperty('groups')
      })

      it('changes what is given, and takes keys away with null', async () => {
        const keys = { encryptKey: new Secret('key-canary'), verificationToken: new Secret('token-canary') }
        const { id } = await db.store.bots.add({ ...bot, ...keys, owner: 'ann' })
        const changed = await db.store.bots.update(id, {
          useWebSocket: false,
          handler: 'default',
          appSecret: new Secret('new-canary'),
        })
        expect(changed).toMatchObject({
          name: 'Echo',
          owner: 'ann',
          useWebSocket: false,
          enabled: true,
          handler: 'default',
        })
        const [listed] = await db.store.bots.list()
        expect(listed).toEqual(changed)
        expect(listed?.appSecret.reveal()).toBe('new-canary')
        expect(listed?.encryptKey?.reveal()).toBe('key-canary')
        expect(JSON.stringify(await db.rows('select * from feishu_bots'))).not.toContain('canary')
        expect(await db.store.bots.update(id, { encryptKey: null, enabled: false })).toMatchObject({
          encryptKey: null,
          enabled: false,
        })
        expect(await db.store.bots.update('bot_none', { name: 'x' })).toBeNull()
      })

      it('removes one, and its events stay', async () => {
        const { id } = await db.store.bots.add(bot)
        await db.accept({ botId: id })
        expect(await db.store.bots.remove(id)).toBe(true)
        expect(await db.store.bots.remove(id)).toBe(false)
        expect(await db.store.bots.list()).toEqual([])
        expect(await db.store.log.list({ botIds: [id], limit: 10, offset: 0 })).toMatchObject({ total: 1 })
      })

      it('keeps the last known state of connections in the table', async () => {
        const { id } = await db.store.bots.add(bot)
        const states = () => db.rows('select ws_connection_state from feishu_bots')
        await db.store.bots.recordStates([
          { id, state: 'connected' },
          { id: 'bot_gone', state: 'error' },
        ])
        expect(await states()).toEqual([{ ws_connection_state: 'connected' }])
      })

      it('refuses a second bot of one app', async () => {
        await db.store.bots.add(bot)
        await expect(db.store.bots.add(bot)).rejects.toMatchObject({ code: 'BOT_EXISTS' })
      })

      it('changes what is given and nothing else, of that bot alone', async () => {
        const first = await db.store.bots.add(bot)
        const other = await db.store.bots.add({ ...bot, appId: 'cli_2' })
        const changed = await db.store.bots.update(first.id, { appSecret: new Secret('fresh') })
        expect(changed?.appSecret.reveal()).toBe('fresh')
        expect(await db.store.bots.update(first.id, { name: 'New' })).toEqual({ ...changed, name: 'New' })
        const listed = await db.store.bots.list()
        // Both may have been added within one tick of the database's clock.
        // In any order: both may have been added within one tick of the database's clock.
        expect(Object.fromEntries(listed.map(({ id, appSecret }) => [id, appSecret.reveal()]))).toEqual({
          [first.id]: 'fresh',
          [other.id]: other.appSecret.reveal(),
        })
        expect(JSON.stringify(await db.rows('select * from feishu_bots'))).not.toContain('fresh')
        expect(await db.store.bots.update('bot_none', { name: 'x' })).toBeNull()
      })

      it('refuses to list with another master key', async () => {
        await db.store.bots.add(bot)
        const other = createBotStore(db.database, new SecretBox(newMasterKey()))
        await expect(other.list()).rejects.toMatchObject({
          code: 'MASTER_KEY_WRONG',
          message: expect.stringMatching('FS_MASTER_KEY'),
        })
      })

      it('refuses a secret that was copied to another bot', async () => {
        const first = await db.store.bots.add(bot)
        const second = await db.store.bots.add({ ...bot, appId: 'cli_2' })
        await db.rows(
          'update feishu_bots set app_secret = (select app_secret from feishu_bots where id = $1) where id = $2',
          [first.id, second.id],
        )
        await expect(db.store.bots.list()).rejects.toMatchObject({ code: 'MASTER_KEY_WRONG' })
      })
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
