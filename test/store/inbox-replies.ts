import { describe, expect, it } from 'vitest'
import { reply } from '../support/store.ts'
import { type CurrentInbox, HOUR, inboxDriver } from './inbox-driver.ts'

/** Replies with an unknown outcome, and replies put back. */
export function describeReplies(current: CurrentInbox): void {
  const db = inboxDriver(current)

  describe('the attempts of a reply with an unknown outcome', () => {
    async function stored(parts = 1): Promise<number> {
      const [id = 0] = await db.accept({ lane: 'a' })
      await db.claimEvent()
      await db.finish(
        id,
        1,
        Array.from({ length: parts }, () => reply()),
      )
      return id
    }
    const unknowns = async () => (await db.claimReplies()).map(({ unknownAttempts }) => unknownAttempts)

    it('are those without an answer, not those Feishu refused', async () => {
      const id = await stored()
      await db.settle(id, 0, 1, db.later(false))
      await db.age(60_000)
      expect(await unknowns()).toEqual([1])
      await db.settle(id, 0, 2, db.later(true))
      await db.age(60_000)
      expect(await unknowns()).toEqual([1])
      await db.settle(id, 0, 3, db.later(false))
      await db.age(60_000)
      expect(await unknowns()).toEqual([2])
    })

    it('are not those of parts that waited behind another', async () => {
      const id = await stored(3)
      await db.settle(id, 0, 1, db.later(false))
      await db.age(60_000)
      expect(await unknowns()).toEqual([1, 0, 0])
    })

    it('of an owner who is gone are those of the first reply only', async () => {
      const id = await stored(3)
      await db.sent(id, 0, 1)
      await db.rescue()
      expect(await unknowns()).toEqual([1, 0])
    })

    it('go with the age of the reply, not of its event', async () => {
      await db.accept({ lane: 'a' })
      await db.age(HOUR)
      const { id, ageMs } = await db.claimEvent()
      expect(ageMs).toBeGreaterThanOrEqual(HOUR)
      await db.finish(id, 1, [reply()])
      await db.settle(id, 0, 1, db.later(true))
      await db.age(60_000)
      const [first] = await db.claimReplies()
      expect(first?.ageMs).toBeGreaterThanOrEqual(60_000)
      expect(first?.ageMs).toBeLessThan(HOUR)
    })
  })

  describe('resubmitting a reply', () => {
    it('sends it again from attempt 1 under its old uuid', async () => {
      const id = await db.withDeadReply('refused')
      await db.age(HOUR)
      expect(await db.inbox.resubmit({ eventId: id, part: 0 })).toBe(true)
      const [again, ...rest] = await db.claimReplies()
      expect(rest).toEqual([])
      expect(again).toMatchObject({ eventId: id, part: 0, attempt: 1, unknownAttempts: 0, uuid: 'old_0' })
      expect(again?.ageMs).toBeLessThan(HOUR)
      expect(await db.sent(id, 0, 1)).toBe(true)
      await db.expectIdle()
    })

    it('under a new uuid if nobody knows whether it was shown', async () => {
      const id = await db.withDeadReply('outcome_unknown')
      await db.inbox.resubmit({ eventId: id, part: 0 })
      const [again] = await db.claimReplies()
      expect(again?.uuid).toMatch(/^[\w-]{20,50}$/)
      expect(again?.uuid).not.toBe('old_0')
    })

    it('counts its unknown outcomes anew', async () => {
      await db.accept({ lane: 'a' })
      const { id } = await db.claimEvent()
      await db.finish(id, 1, [reply()])
      for (const attempt of [1, 2]) {
        await db.settle(id, 0, attempt, db.later(true))
        await db.age(60_000)
        await db.claimReplies()
      }
      await db.settle(id, 0, 3, db.deadReply())
      await db.inbox.resubmit({ eventId: id, part: 0 })
      await db.claimReplies()
      await db.settle(id, 0, 1, db.later(false))
      await db.age(60_000)
      expect(await db.claimReplies()).toMatchObject([{ attempt: 2, unknownAttempts: 1 }])
    })

    it('says false of what is not dead, and does nothing', async () => {
      const id = await db.withDeadReply('refused', 1)
      expect(await db.inbox.resubmit({ eventId: id, part: 1 })).toBe(false)
      expect(await db.inbox.resubmit({ eventId: id, part: 2 })).toBe(false)
      expect(await db.inbox.resubmit({ eventId: id })).toBe(false)
      await db.sent(id, 1, 1)
      expect(await db.inbox.resubmit({ eventId: id, part: 1 })).toBe(false)
      await db.expectIdle()
    })

    it('goes ahead of the events that wait', async () => {
      const id = await db.withDeadReply()
      const [next = 0] = await db.accept({ lane: 'a' })
      await db.inbox.resubmit({ eventId: id, part: 0 })
      expect(await db.handedOut()).toEqual([`${id}.0`])
      await db.sent(id, 0, 1)
      expect(await db.handedOut()).toEqual([String(next)])
      await db.finish(next, 1)
      await db.expectIdle()
    })

    it('of an event in delivery waits for its end', async () => {
      const id = await db.withDeadReply('refused', 1)
      await db.inbox.resubmit({ eventId: id, part: 0 })
      expect(await db.handedOut()).toEqual([])
      expect(await db.sent(id, 1, 1)).toBe(true)
      expect(await db.handedOut()).toEqual([`${id}.0`])
      expect(await db.sent(id, 0, 1)).toBe(true)
      await db.expectIdle()
    })

    it('of an event whose next reply is put off goes out with it, in order', async () => {
      const id = await db.withDeadReply('refused', 1)
      await db.inbox.resubmit({ eventId: id, part: 0 })
      await db.settle(id, 1, 1, db.later(true))
      expect(await db.handedOut()).toEqual([])
      await db.age(60_000)
      expect(await db.handedOut()).toEqual([`${id}.0`, `${id}.1`])
      await db.sent(id, 0, 1)
      await db.sent(id, 1, 2)
      await db.expectIdle()
    })

    it('joins replies that wait already', async () => {
      const id = await db.withDeadReply('refused', 1)
      await db.settle(id, 1, 1, db.later(true))
      await db.inbox.resubmit({ eventId: id, part: 0 })
      expect(await db.handedOut()).toEqual([])
      await db.age(60_000)
      expect(await db.handedOut()).toEqual([`${id}.0`, `${id}.1`])
      await db.sent(id, 0, 1)
      await db.settle(id, 1, 2, db.deadReply())
      await db.expectIdle()
    })

    it('that was given up joins them and is not counted as tried', async () => {
      const id = await db.withDeadReply('refused', 1)
      await db.inbox.resubmit({ eventId: id, part: 0 })
      await db.sent(id, 1, 1)
      await db.claimReplies()
      await db.settle(id, 0, 1, db.deadReply())
      await db.inbox.resubmit({ eventId: id, part: 0 })
      expect(await db.claimReplies()).toMatchObject([{ attempt: 1, unknownAttempts: 0 }])
    })

    const ends: [string, (id: number) => Promise<unknown>, (id: number) => string[]][] = [
      ['completes', (id) => db.finish(id, 1), () => []],
      ['is given back', (id) => db.release(id, 1), (id) => [String(id)]],
      ['is put off', (id) => db.retry(id, 1, 60_000), (id) => [String(id)]],
      ['dies', (id) => db.bury(id, 1), () => []],
      ['loses its owner', () => db.rescue(), (id) => [String(id)]],
    ]
    for (const [what, end, after] of ends) {
      it(`waits while another event runs, and goes first when that ${what}`, async () => {
        const id = await db.withDeadReply()
        const [running = 0] = await db.accept({ lane: 'a' })
        await db.claimEvent()
        await db.inbox.resubmit({ eventId: id, part: 0 })
        expect(await db.handedOut()).toEqual([])
        await end(running)
        expect(await db.handedOut()).toEqual([`${id}.0`])
        expect(await db.sent(id, 0, 1)).toBe(true)
        await db.age(60_000)
        expect(await db.handedOut()).toEqual(after(running))
      })
    }

    it('waits while another event’s replies go out, and survives their owner', async () => {
      const id = await db.withDeadReply()
      const [next = 0] = await db.accept({ lane: 'a' })
      await db.claimEvent()
      await db.inbox.resubmit({ eventId: id, part: 0 })
      await db.finish(next, 1, [reply(), reply()])
      await db.sent(next, 0, 1)
      expect(await db.handedOut()).toEqual([])
      await db.rescue()
      expect(await db.handedOut()).toEqual([`${id}.0`, `${next}.1`])
      await db.settle(id, 0, 1, db.later(true))
      await db.age(60_000)
      // The one behind was not tried.
      expect((await db.claimReplies()).map(({ unknownAttempts }) => unknownAttempts)).toEqual([0, 1])
      await db.sent(id, 0, 2)
      await db.sent(next, 1, 3)
      await db.expectIdle()
    })

    it('while an older reply is tried is not counted as tried itself', async () => {
      const older = await db.withDeadReply()
      const newer = await db.withDeadReply()
      await db.inbox.resubmit({ eventId: older, part: 0 })
      await db.claimReplies()
      await db.inbox.resubmit({ eventId: newer, part: 0 })
      await db.settle(older, 0, 1, db.later(true))
      await db.age(60_000)
      await db.claimReplies()
      await db.sent(older, 0, 2)
      await db.settle(newer, 0, 1, db.later(false))
      await db.age(60_000)
      expect(await db.claimReplies()).toMatchObject([{ eventId: newer, attempt: 2, unknownAttempts: 1 }])
    })

    it('works for several at once, busy or not', async () => {
      const one = await db.withDeadReply()
      const two = await db.withDeadReply()
      const three = await db.withDeadReply()
      const [running = 0] = await db.accept({ lane: 'a' })
      await db.claimEvent()
      await Promise.all([one, two].map((eventId) => db.inbox.resubmit({ eventId, part: 0 })))
      await db.finish(running, 1)
      await db.inbox.resubmit({ eventId: three, part: 0 })
      expect(await db.handedOut()).toEqual([one, two, three].map((id) => `${id}.0`))
      for (const id of [one, two, three]) expect(await db.sent(id, 0, 1)).toBe(true)
      await db.expectIdle()
    })
  })
}
