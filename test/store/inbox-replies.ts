import { describe, expect, it } from 'vitest'
import { reply } from '../support/store.ts'
import { type CurrentInbox, HOUR, inboxDriver } from './inbox-driver.ts'

/** Replies with an unknown outcome, and replies put back. */
export function describeReplies(current: CurrentInbox): void {
  const {
    inbox,
    age,
    rescue,
    accept,
    handedOut,
    claimEvent,
    claimReplies,
    finish,
    retry,
    bury,
    release,
    settle,
    sent,
    deadReply,
    later,
    withDeadReply,
    expectIdle,
  } = inboxDriver(current)

  describe('the attempts of a reply with an unknown outcome', () => {
    async function stored(parts = 1): Promise<number> {
      const [id = 0] = await accept({ lane: 'a' })
      await claimEvent()
      await finish(
        id,
        1,
        Array.from({ length: parts }, () => reply()),
      )
      return id
    }
    const unknowns = async () => (await claimReplies()).map(({ unknownAttempts }) => unknownAttempts)

    it('are those without an answer, not those Feishu refused', async () => {
      const id = await stored()
      await settle(id, 0, 1, later(false))
      await age(60_000)
      expect(await unknowns()).toEqual([1])
      await settle(id, 0, 2, later(true))
      await age(60_000)
      expect(await unknowns()).toEqual([1])
      await settle(id, 0, 3, later(false))
      await age(60_000)
      expect(await unknowns()).toEqual([2])
    })

    it('are not those of parts that waited behind another', async () => {
      const id = await stored(3)
      await settle(id, 0, 1, later(false))
      await age(60_000)
      expect(await unknowns()).toEqual([1, 0, 0])
    })

    it('of an owner who is gone are those of the first reply only', async () => {
      const id = await stored(3)
      await sent(id, 0, 1)
      await rescue()
      expect(await unknowns()).toEqual([1, 0])
    })

    it('go with the age of the reply, not of its event', async () => {
      await accept({ lane: 'a' })
      await age(HOUR)
      const { id, ageMs } = await claimEvent()
      expect(ageMs).toBeGreaterThanOrEqual(HOUR)
      await finish(id, 1, [reply()])
      await settle(id, 0, 1, later(true))
      await age(60_000)
      const [first] = await claimReplies()
      expect(first?.ageMs).toBeGreaterThanOrEqual(60_000)
      expect(first?.ageMs).toBeLessThan(HOUR)
    })
  })

  describe('resubmitting a reply', () => {
    it('sends it again from attempt 1 under its old uuid', async () => {
      const id = await withDeadReply('refused')
      await age(HOUR)
      expect(await inbox.resubmit({ eventId: id, part: 0 })).toBe(true)
      const [again, ...rest] = await claimReplies()
      expect(rest).toEqual([])
      expect(again).toMatchObject({ eventId: id, part: 0, attempt: 1, unknownAttempts: 0, uuid: 'old_0' })
      expect(again?.ageMs).toBeLessThan(HOUR)
      expect(await sent(id, 0, 1)).toBe(true)
      await expectIdle()
    })

    it('under a new uuid if nobody knows whether it was shown', async () => {
      const id = await withDeadReply('outcome_unknown')
      await inbox.resubmit({ eventId: id, part: 0 })
      const [again] = await claimReplies()
      expect(again?.uuid).toMatch(/^[\w-]{20,50}$/)
      expect(again?.uuid).not.toBe('old_0')
    })

    it('counts its unknown outcomes anew', async () => {
      await accept({ lane: 'a' })
      const { id } = await claimEvent()
      await finish(id, 1, [reply()])
      for (const attempt of [1, 2]) {
        await settle(id, 0, attempt, later(true))
        await age(60_000)
        await claimReplies()
      }
      await settle(id, 0, 3, deadReply())
      await inbox.resubmit({ eventId: id, part: 0 })
      await claimReplies()
      await settle(id, 0, 1, later(false))
      await age(60_000)
      expect(await claimReplies()).toMatchObject([{ attempt: 2, unknownAttempts: 1 }])
    })

    it('says false of what is not dead, and does nothing', async () => {
      const id = await withDeadReply('refused', 1)
      expect(await inbox.resubmit({ eventId: id, part: 1 })).toBe(false)
      expect(await inbox.resubmit({ eventId: id, part: 2 })).toBe(false)
      expect(await inbox.resubmit({ eventId: id })).toBe(false)
      await sent(id, 1, 1)
      expect(await inbox.resubmit({ eventId: id, part: 1 })).toBe(false)
      await expectIdle()
    })

    it('goes ahead of the events that wait', async () => {
      const id = await withDeadReply()
      const [next = 0] = await accept({ lane: 'a' })
      await inbox.resubmit({ eventId: id, part: 0 })
      expect(await handedOut()).toEqual([`${id}.0`])
      await sent(id, 0, 1)
      expect(await handedOut()).toEqual([String(next)])
      await finish(next, 1)
      await expectIdle()
    })

    it('of an event in delivery waits for its end', async () => {
      const id = await withDeadReply('refused', 1)
      await inbox.resubmit({ eventId: id, part: 0 })
      expect(await handedOut()).toEqual([])
      expect(await sent(id, 1, 1)).toBe(true)
      expect(await handedOut()).toEqual([`${id}.0`])
      expect(await sent(id, 0, 1)).toBe(true)
      await expectIdle()
    })

    it('of an event whose next reply is put off goes out with it, in order', async () => {
      const id = await withDeadReply('refused', 1)
      await inbox.resubmit({ eventId: id, part: 0 })
      await settle(id, 1, 1, later(true))
      expect(await handedOut()).toEqual([])
      await age(60_000)
      expect(await handedOut()).toEqual([`${id}.0`, `${id}.1`])
      await sent(id, 0, 1)
      await sent(id, 1, 2)
      await expectIdle()
    })

    it('joins replies that wait already', async () => {
      const id = await withDeadReply('refused', 1)
      await settle(id, 1, 1, later(true))
      await inbox.resubmit({ eventId: id, part: 0 })
      expect(await handedOut()).toEqual([])
      await age(60_000)
      expect(await handedOut()).toEqual([`${id}.0`, `${id}.1`])
      await sent(id, 0, 1)
      await settle(id, 1, 2, deadReply())
      await expectIdle()
    })

    it('that was given up joins them and is not counted as tried', async () => {
      const id = await withDeadReply('refused', 1)
      await inbox.resubmit({ eventId: id, part: 0 })
      await sent(id, 1, 1)
      await claimReplies()
      await settle(id, 0, 1, deadReply())
      await inbox.resubmit({ eventId: id, part: 0 })
      expect(await claimReplies()).toMatchObject([{ attempt: 1, unknownAttempts: 0 }])
    })

    const ends: [string, (id: number) => Promise<unknown>, (id: number) => string[]][] = [
      ['completes', (id) => finish(id, 1), () => []],
      ['is given back', (id) => release(id, 1), (id) => [String(id)]],
      ['is put off', (id) => retry(id, 1, 60_000), (id) => [String(id)]],
      ['dies', (id) => bury(id, 1), () => []],
      ['loses its owner', () => rescue(), (id) => [String(id)]],
    ]
    for (const [what, end, after] of ends) {
      it(`waits while another event runs, and goes first when that ${what}`, async () => {
        const id = await withDeadReply()
        const [running = 0] = await accept({ lane: 'a' })
        await claimEvent()
        await inbox.resubmit({ eventId: id, part: 0 })
        expect(await handedOut()).toEqual([])
        await end(running)
        expect(await handedOut()).toEqual([`${id}.0`])
        expect(await sent(id, 0, 1)).toBe(true)
        await age(60_000)
        expect(await handedOut()).toEqual(after(running))
      })
    }

    it('waits while another event’s replies go out, and survives their owner', async () => {
      const id = await withDeadReply()
      const [next = 0] = await accept({ lane: 'a' })
      await claimEvent()
      await inbox.resubmit({ eventId: id, part: 0 })
      await finish(next, 1, [reply(), reply()])
      await sent(next, 0, 1)
      expect(await handedOut()).toEqual([])
      await rescue()
      expect(await handedOut()).toEqual([`${id}.0`, `${next}.1`])
      await settle(id, 0, 1, later(true))
      await age(60_000)
      // The one behind was not tried.
      expect((await claimReplies()).map(({ unknownAttempts }) => unknownAttempts)).toEqual([0, 1])
      await sent(id, 0, 2)
      await sent(next, 1, 3)
      await expectIdle()
    })

    it('while an older reply is tried is not counted as tried itself', async () => {
      const older = await withDeadReply()
      const newer = await withDeadReply()
      await inbox.resubmit({ eventId: older, part: 0 })
      await claimReplies()
      await inbox.resubmit({ eventId: newer, part: 0 })
      await settle(older, 0, 1, later(true))
      await age(60_000)
      await claimReplies()
      await sent(older, 0, 2)
      await settle(newer, 0, 1, later(false))
      await age(60_000)
      expect(await claimReplies()).toMatchObject([{ eventId: newer, attempt: 2, unknownAttempts: 1 }])
    })

    it('works for several at once, busy or not', async () => {
      const one = await withDeadReply()
      const two = await withDeadReply()
      const three = await withDeadReply()
      const [running = 0] = await accept({ lane: 'a' })
      await claimEvent()
      await Promise.all([one, two].map((eventId) => inbox.resubmit({ eventId, part: 0 })))
      await finish(running, 1)
      await inbox.resubmit({ eventId: three, part: 0 })
      expect(await handedOut()).toEqual([one, two, three].map((id) => `${id}.0`))
      for (const id of [one, two, three]) expect(await sent(id, 0, 1)).toBe(true)
      await expectIdle()
    })
  })
}
