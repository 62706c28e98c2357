import { describe, expect, it } from 'vitest'
import type { NewReply } from '../../src/store/store.ts'
import { event, reply } from '../support/store.ts'
import { type CurrentInbox, HOUR, inboxDriver } from './inbox-driver.ts'

/** What is forgotten, and what is not. */
export function describePruning(current: CurrentInbox): void {
  const { inbox, age, accept, handedOut, claimEvent, finish, bury, sent, letters, withDeadReply } = inboxDriver(current)

  describe('pruning', () => {
    const prune = async (limit = 100) => await inbox.prune({ olderThanMs: 24 * HOUR, limit })
    async function completed(...replies: NewReply[]): Promise<number> {
      await accept({ lane: 'a' })
      const { id } = await claimEvent()
      await finish(id, 1, replies)
      for (const part of replies.keys()) await sent(id, part, 1)
      return id
    }

    it('forgets what ended long enough ago, answered or not', async () => {
      await accept({ lane: 'a', dedupeKey: 'm:1' })
      await finish((await claimEvent()).id, 1)
      await completed(reply(), reply())
      await age(12 * HOUR)
      await completed(reply())
      expect(await prune()).toBe(0)
      await age(12 * HOUR)
      expect(await prune()).toBe(2)
      expect(await prune()).toBe(0)
      expect(await inbox.accept([{ botId: 'bot_a', event: event({ dedupeKey: 'm:1' }) }])).toMatchObject([
        { duplicate: false },
      ])
    })

    it('forgets a recalled message', async () => {
      await accept({ recalls: 'm:1', lane: 'b' })
      await age(24 * HOUR)
      expect(await prune()).toBe(1)
    })

    it('takes the oldest first, no more than it is asked to', async () => {
      await completed()
      await age(1_000)
      await completed()
      await age(24 * HOUR)
      expect(await prune(1)).toBe(1)
      expect(await prune(1)).toBe(1)
      expect(await prune(1)).toBe(0)
    })

    it('keeps what waits, what is dead, and what has a dead or unsent reply', async () => {
      const dead = await withDeadReply()
      const [buried = 0] = await accept({ lane: 'b' })
      await claimEvent()
      await bury(buried, 1)
      const [unsent = 0] = await accept({ lane: 'c' })
      await claimEvent()
      await finish(unsent, 1, [reply()])
      const [waiting] = await accept({ lane: 'd' })
      await age(48 * HOUR)
      expect(await prune()).toBe(0)
      expect(new Set((await letters()).map(({ eventId }) => eventId))).toEqual(new Set([dead, buried]))
      expect(await sent(unsent, 0, 1)).toBe(true)
      expect(await handedOut()).toEqual([String(waiting)])
      expect(await prune()).toBe(1)
    })
  })
}
