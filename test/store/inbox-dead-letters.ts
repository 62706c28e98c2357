import { describe, expect, it } from 'vitest'
import type { DeadLetter } from '../../src/protocol/model/message.ts'
import { reply } from '../support/store.ts'
import { type CurrentInbox, DEAD, ERROR, HOUR, inboxDriver } from './inbox-driver.ts'

/** What was given up: how it is shown, and events put back. */
export function describeDeadLetters(current: CurrentInbox): void {
  const db = inboxDriver(current)

  describe('dead letters', () => {
    it('are events and replies, newest first, page by page', async () => {
      const [event1 = 0] = await db.accept({ lane: 'a', payload: '{"n":1}', dedupeKey: 'm:1' })
      await db.claimEvent()
      await db.bury(event1, 1)
      await db.age(1_000)
      await db.accept({ lane: 'b' })
      const { id: event2 } = await db.claimEvent()
      await db.finish(event2, 1, [reply({ content: '{"c":0}' }), reply({ content: '{"c":1}' })])
      await db.sent(event2, 0, 1)
      await db.age(HOUR)
      await db.settle(event2, 1, 1, db.deadReply())
      const all = await db.letters()
      expect(all).toEqual([
        {
          kind: 'reply',
          eventId: event2,
          part: 1,
          botId: 'bot_a',
          lane: 'b',
          type: 'im.message.receive_v1',
          dedupeKey: expect.any(String),
          payload: '{"c":1}',
          attempt: 1,
          reason: 'refused',
          error: ERROR,
          logId: 'log_1',
          endedAt: expect.any(Number),
        },
        {
          kind: 'event',
          eventId: event1,
          botId: 'bot_a',
          lane: 'a',
          type: 'im.message.receive_v1',
          dedupeKey: 'm:1',
          payload: '{"n":1}',
          attempt: 1,
          reason: 'attempts_exhausted',
          error: ERROR,
          endedAt: expect.any(Number),
        },
      ] satisfies DeadLetter[])
      // A reply ends when it is given up, which may be long after its event.
      expect((all[0]?.endedAt ?? 0) - (all[1]?.endedAt ?? 0)).toBeGreaterThanOrEqual(HOUR)
      expect(await db.inbox.deadLetters({ limit: 1 })).toEqual([all[0]])
      expect(await db.inbox.deadLetters({ limit: 1, offset: 1 })).toEqual([all[1]])
      expect(await db.inbox.deadLetters({ limit: 5, before: all[0]?.endedAt ?? 0 })).toEqual([all[1]])
      expect(await db.inbox.deadLetters({ limit: 5, before: all[1]?.endedAt ?? 0 })).toEqual([])
    })

    it('that ended at the same instant stay together, so that the next page leaves none out', async () => {
      const older = await db.accept({ dead: DEAD }, { dead: DEAD })
      await db.age(1_000)
      const newer = await db.accept({ dead: DEAD }, { dead: DEAD }, { dead: DEAD })
      const first = await db.inbox.deadLetters({ limit: 2 })
      expect(first.map(({ eventId }) => eventId)).toEqual(newer.toReversed())
      const second = await db.inbox.deadLetters({ limit: 2, before: first.at(-1)?.endedAt ?? 0 })
      expect(second.map(({ eventId }) => eventId)).toEqual(older.toReversed())
    })
  })

  describe('resubmitting an event', () => {
    async function dead(attempts = 1): Promise<number> {
      const [id = 0] = await db.accept({ lane: 'a' })
      for (let attempt = 1; attempt <= attempts; attempt++) {
        await db.claimEvent()
        if (attempt < attempts) await db.retry(id, attempt, 0)
      }
      await db.bury(id, attempts)
      return id
    }

    it('runs it again from attempt 1, fresh, ahead of its successors', async () => {
      const id = await dead(3)
      const [next] = await db.accept({ lane: 'a' })
      await db.age(HOUR)
      expect(await db.inbox.resubmit({ eventId: id })).toBe(true)
      expect(await db.letters()).toEqual([])
      const again = await db.claimEvent()
      expect(again).toMatchObject({ id, attempt: 1 })
      expect(again.staleMs).toBeLessThan(HOUR)
      expect(again.ageMs).toBeGreaterThanOrEqual(HOUR)
      await db.finish(id, 1)
      expect(await db.handedOut()).toEqual([String(next)])
      await db.finish(next ?? 0, 1)
      await db.expectIdle()
    })

    it('can be claimed by its id, fresh', async () => {
      const id = await dead()
      await db.age(HOUR)
      await db.inbox.resubmit({ eventId: id })
      const again = await db.inbox.claimEvent({ owner: 'me', eventId: id })
      expect(again?.staleMs).toBeLessThan(HOUR)
    })

    it('says false of what is not dead, and does nothing', async () => {
      const id = await dead()
      expect(await db.inbox.resubmit({ eventId: id })).toBe(true)
      expect(await db.inbox.resubmit({ eventId: id })).toBe(false)
      expect(await db.inbox.resubmit({ eventId: id, part: 0 })).toBe(false)
      expect(await db.inbox.resubmit({ eventId: 987_654_321 })).toBe(false)
      await db.claimEvent()
      expect(await db.inbox.resubmit({ eventId: id })).toBe(false)
      await db.finish(id, 1)
      expect(await db.inbox.resubmit({ eventId: id })).toBe(false)
      await db.expectIdle()
    })

    it('counts once when two ask at the same time', async () => {
      const id = await dead()
      const answers = await Promise.all([db.inbox.resubmit({ eventId: id }), db.inbox.resubmit({ eventId: id })])
      expect(answers.filter(Boolean)).toHaveLength(1)
      await db.claimEvent()
      await db.finish(id, 1)
      await db.expectIdle()
    })

    it('does not wait for a successor’s retry', async () => {
      const id = await dead()
      const [next = 0] = await db.accept({ lane: 'a' })
      await db.claimEvent()
      await db.retry(next, 1, 60_000)
      await db.inbox.resubmit({ eventId: id })
      expect(await db.handedOut()).toEqual([String(id)])
      await db.finish(id, 1)
      expect(await db.handedOut()).toEqual([])
      await db.age(60_000)
      expect(await db.handedOut()).toEqual([String(next)])
      await db.finish(next, 2)
      await db.expectIdle()
    })

    it('waits while the lane is busy or has replies to send', async () => {
      const id = await dead()
      const [next = 0] = await db.accept({ lane: 'a' })
      await db.claimEvent()
      await db.inbox.resubmit({ eventId: id })
      expect(await db.handedOut()).toEqual([])
      await db.finish(next, 1, [reply()])
      await db.settle(next, 0, 1, db.later(true))
      expect(await db.handedOut()).toEqual([])
      await db.age(60_000)
      expect(await db.handedOut()).toEqual([`${next}.0`])
      await db.sent(next, 0, 2)
      expect(await db.handedOut()).toEqual([String(id)])
      await db.finish(id, 1)
      await db.expectIdle()
    })

    it('works after everything else of its lane is forgotten', async () => {
      const id = await dead()
      await db.accept({ lane: 'a' })
      await db.finish((await db.claimEvent()).id, 1)
      await db.age(48 * HOUR)
      await db.inbox.prune({ olderThanMs: 24 * HOUR, limit: 10 })
      expect(await db.inbox.resubmit({ eventId: id })).toBe(true)
      expect(await db.handedOut()).toEqual([String(id)])
    })
  })
}
