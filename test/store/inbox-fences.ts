import { describe, expect, it } from 'vitest'
import type { ClaimedEvent, EventResult, ReplyResult } from '../../src/store/store.ts'
import { reply } from '../support/store.ts'
import { type CurrentInbox, ERROR, HOUR, inboxDriver } from './inbox-driver.ts'

/** What keeps late writes of a claim away from later claims, although owner and attempt may be the same. */
export function describeFences(current: CurrentInbox): void {
  const {
    inbox,
    age,
    rescue,
    accept,
    claim,
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
    expectIdle,
  } = inboxDriver(current)

  describe('the fence of a claim', () => {
    const ends: [string, EventResult][] = [
      ['is done', { kind: 'completed', replies: [] }],
      ['has a reply', { kind: 'completed', replies: [reply()] }],
      ['is to be retried', { kind: 'retry', afterMs: 0, error: ERROR }],
      ['is dead', { kind: 'dead', reason: 'attempts_exhausted', error: ERROR }],
      ['is given back', { kind: 'released' }],
    ]
    const replyEnds: ReplyResult[] = [
      { kind: 'sent', messageId: 'om_late' },
      { kind: 'retry', afterMs: 0, error: ERROR, isRefused: false },
      deadReply(),
    ]

    for (const [what, result] of ends) {
      it(`that was given back uncounted does not hold when it says late that the event ${what}`, async () => {
        await accept({ lane: 'a' })
        const first = await claimEvent()
        expect(await release(first.id, 1)).toEqual([true])
        const second = await claimEvent()
        // All that 0.1 knew of a claim.
        expect(second).toMatchObject({ id: first.id, attempt: first.attempt, fence: { owner: first.fence.owner } })
        const late = [{ id: first.id, fence: first.fence, result }]
        expect(await inbox.finish(late)).toEqual([false])
        expect(await handedOut()).toEqual([])
        expect(await finish(second.id, 1, [reply()])).toEqual([true])
        expect(await inbox.finish(late)).toEqual([false])
        expect(await sent(second.id, 0, 1)).toBe(true)
        await expectIdle()
      })
    }

    it('of an event does not hold for another event of its chat', async () => {
      const [first = 0, second = 0] = await accept({ lane: 'a' }, { lane: 'a' })
      const { fence } = await claimEvent()
      for (const [, result] of ends) expect(await inbox.finish([{ id: second, fence, result }])).toEqual([false])
      await finish(first, 1)
      expect((await claimEvent()).id).toBe(second)
      for (const [, result] of ends) expect(await inbox.finish([{ id: second, fence, result }])).toEqual([false])
      expect(await finish(second, 1)).toEqual([true])
      await expectIdle()
    })

    it('of a dead reply does not hold once it was put back and is sent again with the same attempt', async () => {
      await accept({ lane: 'a' })
      const { id, fence } = await claimEvent()
      await finish(id, 1, [reply()])
      await settle(id, 0, 1, deadReply())
      await inbox.resubmit({ eventId: id, part: 0 })
      const [again] = await claimReplies()
      expect(again).toMatchObject({ attempt: 1, fence: { owner: fence.owner } })
      for (const result of replyEnds) {
        expect(await inbox.settle([{ eventId: id, part: 0, fence, result }])).toEqual([false])
      }
      expect(await sent(id, 0, 1)).toBe(true)
      await expectIdle()
    })

    it('that still has the chat does not hold for a reply that was put back meanwhile', async () => {
      await accept({ lane: 'a' })
      const { id, fence } = await claimEvent()
      await finish(id, 1, [reply(), reply()])
      await settle(id, 0, 1, deadReply())
      await inbox.resubmit({ eventId: id, part: 0 })
      for (const result of replyEnds) {
        expect(await inbox.settle([{ eventId: id, part: 0, fence, result }])).toEqual([false])
      }
      expect(await sent(id, 1, 1)).toBe(true)
      expect(await handedOut()).toEqual([`${id}.0`])
      expect(await sent(id, 0, 1)).toBe(true)
      await expectIdle()
    })
  })

  it('the epoch of a chat never goes back', async () => {
    const epochs: number[] = []
    const event = async (): Promise<ClaimedEvent> => {
      const claimed = await claimEvent()
      epochs.push(claimed.fence.epoch)
      return claimed
    }
    const replies = async (): Promise<void> => {
      const [first] = await claimReplies()
      epochs.push(first?.fence.epoch ?? 0)
    }
    const [id = 0] = await accept({ lane: 'a' })
    await event()
    await release(id, 1)
    await event()
    await retry(id, 1, 0)
    await event()
    await rescue()
    await event()
    await bury(id, 2)
    await inbox.resubmit({ eventId: id })
    await event()
    await finish(id, 1, [reply()])
    await settle(id, 0, 1, { kind: 'retry', afterMs: 0, error: ERROR, isRefused: true })
    await replies()
    await rescue()
    await replies()
    await settle(id, 0, 3, deadReply())
    await inbox.resubmit({ eventId: id, part: 0 })
    await replies()
    await sent(id, 0, 1)
    await age(HOUR)
    expect(await inbox.prune({ olderThanMs: HOUR, limit: 10 })).toBe(1)
    const [last = 0] = await accept({ lane: 'a' })
    await event()
    await finish(last, 1)
    expect(epochs).toEqual([...new Set(epochs)].toSorted((a, b) => a - b))
    expect(epochs).toHaveLength(9)
  })

  it('a late write does not hold in a chat that was forgotten and came again', async () => {
    const [dead = 0, done = 0] = await accept({ lane: 'a' }, { lane: 'a' })
    const first = await claimEvent()
    await bury(dead, 1)
    await claim()
    await finish(done, 1)
    await age(HOUR)
    // Takes the lane with the completed event; the dead letter stays.
    expect(await inbox.prune({ olderThanMs: HOUR, limit: 10 })).toBe(1)
    await inbox.resubmit({ eventId: dead })
    const again = await claimEvent()
    expect(again).toMatchObject({ id: dead, attempt: first.attempt, fence: { owner: first.fence.owner } })
    expect(await inbox.finish([{ id: dead, fence: first.fence, result: { kind: 'released' } }])).toEqual([false])
    expect(await finish(dead, 1)).toEqual([true])
    await expectIdle()
  })
}
