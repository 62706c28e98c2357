import { describe, expect, it } from 'vitest'
import { event, reply } from '../support/store.ts'
import { type CurrentInbox, DEAD, inboxDriver } from './inbox-driver.ts'

/** Events that begin later, or not at all. */
export function describeArrivals(current: CurrentInbox): void {
  const {
    inbox,
    age,
    accept,
    claim,
    handedOut,
    claimEvent,
    finish,
    retry,
    bury,
    settle,
    sent,
    later,
    letters,
    expectIdle,
  } = inboxDriver(current)

  describe('delays', () => {
    it('an event, and its successors behind it', async () => {
      const [first, second, other] = await accept({ lane: 'a', delayMs: 60_000 }, { lane: 'a' }, { lane: 'b' })
      const { items, nextDueMs } = await claim()
      expect(items).toMatchObject([{ id: other }])
      expect(nextDueMs).toBeGreaterThan(50_000)
      expect(nextDueMs).toBeLessThanOrEqual(60_000)
      await age(60_000)
      expect(await handedOut()).toEqual([String(first)])
      await finish(first ?? 0, 1)
      expect(await handedOut()).toEqual([String(second)])
    })

    it('a lane until its head is due, whatever comes behind it in the same batch', async () => {
      await accept({ lane: 'a', delayMs: 60_000 }, { lane: 'a' }, { lane: 'a', delayMs: 1_000 })
      // Claims nothing, so that no claim mends the time.
      const { nextDueMs } = await inbox.claim({ owner: 'me', limit: 0 })
      expect(nextDueMs).toBeGreaterThan(50_000)
    })

    it('an event whose predecessor is being handled', async () => {
      const [first = 0] = await accept({ lane: 'a' })
      await claimEvent()
      const [second] = await accept({ lane: 'a', delayMs: 60_000 })
      await finish(first, 1)
      expect((await claim()).items).toEqual([])
      expect((await claim()).nextDueMs).toBeGreaterThan(50_000)
      await age(60_000)
      expect(await handedOut()).toEqual([String(second)])
    })

    it('nothing that waits already', async () => {
      const [first] = await accept({ lane: 'a' })
      await accept({ lane: 'a', delayMs: 60_000 })
      expect(await handedOut()).toEqual([String(first)])
    })
  })

  describe('what is dead from the start', () => {
    it('is kept as a dead letter, never run, and in nobody’s way', async () => {
      const [id, next = 0] = await accept({ lane: 'a', dead: DEAD, payload: '{"begin' }, { lane: 'a' })
      expect(await letters()).toMatchObject([
        { kind: 'event', eventId: id, lane: 'a', payload: '{"begin', attempt: 0, ...DEAD },
      ])
      expect(await inbox.summary()).toMatchObject({ depth: 1, dead: 1 })
      expect(await handedOut()).toEqual([String(next)])
      await finish(next, 1)
      await accept({ lane: 'b', dead: DEAD })
      await expectIdle()
    })

    it('is known when it comes again', async () => {
      const [id] = await accept({ dedupeKey: 'm:1', dead: DEAD })
      expect(await inbox.accept([{ botId: 'bot_a', event: event({ dedupeKey: 'm:1' }) }])).toEqual([
        { id, duplicate: true },
      ])
      await expectIdle()
    })
  })

  describe('a recall', () => {
    const recall = (messageId: string, lane = 'a') => ({ recalls: `m:${messageId}`, lane, type: 'recalled' })

    it('takes back what waits, head or not', async () => {
      const [, second = 0] = await accept(
        { lane: 'a', dedupeKey: 'm:1' },
        { lane: 'a', dedupeKey: 'm:2' },
        { lane: 'a', dedupeKey: 'm:3' },
      )
      const [one = 0] = await accept(recall('1'))
      const [three = 0] = await accept(recall('3'))
      for (const id of [second, one, three]) {
        expect(await handedOut()).toEqual([String(id)])
        await finish(id, 1)
      }
      await expectIdle()
    })

    it('of the only event leaves an idle lane', async () => {
      await accept({ lane: 'a', dedupeKey: 'm:1' })
      await accept(recall('1', 'recalls'))
      const { id, type } = await claimEvent()
      expect(type).toBe('recalled')
      await finish(id, 1)
      await expectIdle()
    })

    it('of a head that waits for its retry lets its successor begin', async () => {
      const [first = 0, second] = await accept({ lane: 'a', dedupeKey: 'm:1' }, { lane: 'a' })
      await claimEvent()
      await retry(first, 1, 60_000)
      await accept(recall('1', 'b'))
      expect(await handedOut()).toContain(String(second))
    })

    it('leaves alone what runs, what is over, and what another bot has', async () => {
      const [running = 0] = await accept({ lane: 'a', dedupeKey: 'm:1' })
      await claimEvent()
      const [other] = await accept({ botId: 'bot_b', lane: 'a', dedupeKey: 'm:1' })
      const [recalling = 0] = await accept(recall('1'))
      expect(await handedOut()).toEqual([String(other)])
      expect(await finish(running, 1, [reply()])).toEqual([true])
      await accept(recall('1', 'b'))
      expect(await sent(running, 0, 1)).toBe(true)
      expect(await handedOut()).toEqual(expect.arrayContaining([String(recalling)]))
    })

    it('keeps a dead letter', async () => {
      const [id = 0] = await accept({ lane: 'a', dedupeKey: 'm:1' })
      await claimEvent()
      await bury(id, 1)
      await accept(recall('1'))
      expect(await letters()).toMatchObject([{ eventId: id }])
    })

    it('that comes first makes a duplicate of the message', async () => {
      const [recalling = 0] = await accept(recall('1'))
      expect(await inbox.accept([{ botId: 'bot_a', event: event({ dedupeKey: 'm:1', lane: 'a' }) }])).toMatchObject([
        { duplicate: true },
      ])
      expect(await handedOut()).toEqual([String(recalling)])
      await finish(recalling, 1)
      await expectIdle()
    })

    it('works in one batch with its message, in any order, and twice', async () => {
      const ids = await accept(
        { lane: 'a', dedupeKey: 'm:1' },
        { ...recall('1', 'r1'), dedupeKey: 'e:1' },
        { ...recall('2', 'r2'), dedupeKey: 'e:2' },
        { lane: 'a', dedupeKey: 'm:2' },
        { ...recall('1', 'r3'), dedupeKey: 'e:3' },
      )
      expect(await handedOut()).toEqual([ids[1], ids[2], ids[4]].map(String))
      await accept({ ...recall('1', 'r1'), dedupeKey: 'e:1' })
      for (const id of [ids[1], ids[2], ids[4]]) await finish(id ?? 0, 1)
      await expectIdle()
    })

    it('does not let an event pass the replies that wait in its lane', async () => {
      const [first = 0, , third] = await accept(
        { lane: 'a' },
        { lane: 'a', dedupeKey: 'm:2' },
        { lane: 'a', dedupeKey: 'm:3' },
      )
      await claimEvent()
      await finish(first, 1, [reply()])
      await settle(first, 0, 1, later(true))
      await accept({ ...recall('2', 'b') })
      expect(await handedOut()).not.toContain(String(third))
      await age(60_000)
      expect(await handedOut()).toEqual([`${first}.0`])
      await sent(first, 0, 2)
      expect(await handedOut()).toEqual([String(third)])
    })
  })
}
