import { describe, expect, it } from 'vitest'
import { event, reply } from '../support/store.ts'
import { type CurrentInbox, inboxDriver } from './inbox-driver.ts'

/** What the end of an instance costs the events that it had claimed. */
export function describeDeaths(current: CurrentInbox): void {
  const db = inboxDriver(current)
  const lives = (owner: string, isDraining?: boolean) => current().instances.renew(owner, isDraining)
  /** Another instance finds that the lease of this one has lapsed. */
  async function lapse(owner: string): Promise<void> {
    await current().instances.lapse(owner)
    await current().instances.rescue()
  }
  const die = async (owner: string): Promise<void> => {
    await lives(owner)
    await lapse(owner)
  }
  const countsOf = async () => {
    const { items } = await db.claim()
    return items.map((item) => (item.kind === 'event' ? [item.attempt, item.deaths] : item.replies[0]?.attempt))
  }

  describe('a death', () => {
    it('costs no event an attempt, and is counted on each that the instance had', async () => {
      const [a = 0, b = 0] = await db.accept({ lane: 'a' }, { lane: 'b' }, { lane: 'b' })
      await db.claim()
      await db.retry(a, 1, 0)
      expect(await countsOf()).toEqual([[2, 0]])
      await die('me')
      const { items } = await current().inbox.claim({ owner: 'next', limit: 10 })
      expect(items).toMatchObject([
        { id: a, attempt: 2, deaths: 1 },
        { id: b, attempt: 1, deaths: 1 },
      ])
      await die('next')
      await db.claim()
      await db.retry(a, 2, 0)
      await db.finish(b, 1)
      // An outcome counts an attempt and leaves the deaths; what was not claimed has none.
      const counts = await countsOf()
      expect(counts).toHaveLength(2)
      expect(counts).toEqual(
        expect.arrayContaining([
          [1, 0],
          [3, 2],
        ]),
      )
    })

    it('does not count for an event that is over, or whose replies are sent', async () => {
      await db.accept({ lane: 'a' })
      const { id } = await db.claimEvent()
      await db.finish(id, 1, [reply()])
      await die('me')
      expect(await countsOf()).toEqual([2])
    })

    it('is no death when the instance had begun to stop, whatever it stored later', async () => {
      await db.accept({ lane: 'a' })
      await lives('me', true)
      await db.claimEvent()
      await lives('me')
      await lapse('me')
      expect(await countsOf()).toEqual([[1, 0]])
    })

    it('is no death when the instance released its work', async () => {
      await db.accept({ lane: 'a' })
      await lives('me')
      expect(await db.claimEvent()).toMatchObject({ attempt: 1, deaths: 0, wasClaimed: false })
      await db.rescue()
      expect(await db.claimEvent()).toMatchObject({ attempt: 1, deaths: 0, wasClaimed: true })
    })

    it('is taken back once when the instance turns out to live', async () => {
      const [id = 0] = await db.accept({ lane: 'a' })
      await current().inbox.claim({ owner: 'dead', limit: 1 })
      await die('dead')
      await lives('me')
      await db.claimEvent()
      await lapse('me')
      expect(await db.claimEvent()).toMatchObject({ attempt: 1, deaths: 2 })
      await lives('me')
      await lives('me')
      await db.release(id, 1)
      expect(await countsOf()).toEqual([[1, 1]])
      await lapse('me')
      expect(await countsOf()).toEqual([[1, 2]])
    })

    it('stays counted when another instance renews its lease', async () => {
      await db.accept({ lane: 'a' })
      await lives('me')
      await db.claimEvent()
      await lapse('me')
      await lives('other')
      expect(await countsOf()).toEqual([[1, 1]])
    })

    it('does not count for a claim that came after the lease', async () => {
      await db.accept({ lane: 'a' })
      await die('me')
      await db.claimEvent()
      await current().instances.rescue()
      expect(await countsOf()).toEqual([[1, 0]])
    })

    it('is known to every way of claiming', async () => {
      const [id = 0] = await db.accept({ lane: 'a' })
      await db.claimEvent()
      await die('me')
      const claimed = await db.inbox.claimEvent({ owner: 'me', eventId: id })
      expect(claimed).toMatchObject({ attempt: 1, deaths: 1, wasClaimed: true })
      if (claimed !== null) await db.inbox.finish([{ ...claimed, result: { kind: 'completed', replies: [] } }])
      const fresh = { botId: 'bot_a', event: event({ lane: 'a' }) }
      const [accepted] = await current().inbox.accept([fresh], { owner: 'me', limit: 1 })
      expect(accepted?.claimed).toMatchObject({ attempt: 1, deaths: 0, wasClaimed: false })
    })

    it('is forgotten when an operator puts the event back, and not taken back from it', async () => {
      const [id = 0] = await db.accept({ lane: 'a' })
      await lives('me')
      await db.claimEvent()
      await lapse('me')
      await db.claimEvent()
      await db.bury(id, 1)
      await db.inbox.resubmit({ eventId: id })
      await lives('me')
      expect(await countsOf()).toEqual([[1, 0]])
      await lapse('me')
      expect(await countsOf()).toEqual([[1, 1]])
    })
  })
}
