import { describe, expect, it } from 'vitest'
import type { NewReply } from '../../src/store/store.ts'
import { event, reply } from '../support/store.ts'
import { type CurrentInbox, HOUR, inboxDriver } from './inbox-driver.ts'

/** What is forgotten, and what is not. */
export function describePruning(current: CurrentInbox): void {
  const db = inboxDriver(current)

  describe('pruning', () => {
    const prune = async (limit = 100) => await db.inbox.prune({ olderThanMs: 24 * HOUR, limit })
    async function completed(...replies: NewReply[]): Promise<number> {
      await db.accept({ lane: 'a' })
      const { id } = await db.claimEvent()
      await db.finish(id, 1, replies)
      for (const part of replies.keys()) await db.sent(id, part, 1)
      return id
    }

    it('forgets what ended long enough ago, answered or not', async () => {
      await db.accept({ lane: 'a', dedupeKey: 'm:1' })
      await db.finish((await db.claimEvent()).id, 1)
      await completed(reply(), reply())
      await db.age(12 * HOUR)
      await completed(reply())
      expect(await prune()).toBe(0)
      await db.age(12 * HOUR)
      expect(await prune()).toBe(2)
      expect(await prune()).toBe(0)
      expect(await db.inbox.accept([{ botId: 'bot_a', event: event({ dedupeKey: 'm:1' }) }])).toMatchObject([
        { duplicate: false },
      ])
    })

    it('forgets a recalled message', async () => {
      await db.accept({ recalls: 'm:1', lane: 'b' })
      await db.age(24 * HOUR)
      expect(await prune()).toBe(1)
    })

    it('takes the oldest first, no more than it is asked to', async () => {
      await completed()
      await db.age(1_000)
      await completed()
      await db.age(24 * HOUR)
      expect(await prune(1)).toBe(1)
      expect(await prune(1)).toBe(1)
      expect(await prune(1)).toBe(0)
    })

    it('keeps what waits, what is dead, and what has a dead or unsent reply', async () => {
      const dead = await db.withDeadReply()
      const [buried = 0] = await db.accept({ lane: 'b' })
      await db.claimEvent()
      await db.bury(buried, 1)
      const [unsent = 0] = await db.accept({ lane: 'c' })
      await db.claimEvent()
      await db.finish(unsent, 1, [reply()])
      const [waiting] = await db.accept({ lane: 'd' })
      await db.age(48 * HOUR)
      expect(await prune()).toBe(0)
      expect(new Set((await db.letters()).map(({ eventId }) => eventId))).toEqual(new Set([dead, buried]))
      expect(await db.sent(unsent, 0, 1)).toBe(true)
      expect(await db.handedOut()).toEqual([String(waiting)])
      expect(await prune()).toBe(1)
    })
  })
}
