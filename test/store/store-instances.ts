import { beforeEach, describe, expect, it } from 'vitest'
import type { ClaimedEvent } from '../../src/store/store.ts'
import { reply, type StoreDriver } from '../support/store.ts'

/** Leases, and the work of instances that are gone. */
export function describeInstances(current: () => StoreDriver): void {
  describe('instances', () => {
    let db: StoreDriver
    beforeEach(() => {
      db = current()
    })

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
      expect(await db.claim('me')).toMatchObject([{ kind: 'event', lane: b.lane, attempt: 1, deaths: 1 }])
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
      expect(items.find(({ kind }) => kind === 'event')).toMatchObject({ id: b.id, attempt: 1, deaths: 1 })
      expect(items.find(({ kind }) => kind === 'replies')).toMatchObject({ replies: [{ eventId: a.id, part: 1 }] })
      expect(await db.sent(a.id, 1, a.fence)).toBe(false)
    })

    it('rescues what an instance had that is known to be gone, as a death', async () => {
      await db.accept({ lane: 'a' }, { lane: 'b' })
      for (const id of ['before', 'alive']) await db.store.instances.renew(id, 60_000)
      const { lane } = await db.claimEvent('before')
      await db.claimEvent('alive')
      expect(await db.store.instances.rescue('me', false, 'before')).toEqual({ rescued: 1 })
      expect(await db.claim('me')).toMatchObject([{ lane, attempt: 1, deaths: 1 }])
      expect(await db.rows('select id from feishu_instances')).toEqual([{ id: 'alive' }])
    })

    it('tells of deaths in the story of a message', async () => {
      const [{ id } = { id: 0 }] = await db.accept({})
      await db.store.instances.renew('gone', 60_000)
      await db.claimEvent('gone')
      await db.store.instances.rescue('me', true)
      expect(await db.store.log.get(id)).toMatchObject({ state: 'available', attempt: 0, deaths: 1 })
    })

    it('counts a death that is rescued while the instance renews its lease, and takes it back later', async () => {
      await db.accept({})
      await db.store.instances.renew('slow', 0)
      await db.claimEvent('slow')
      const renewed = db.store.instances.renew('slow', 60_000)
      await Promise.all([renewed, db.store.instances.rescue('me', false)])
      await db.store.instances.renew('slow', 60_000)
      expect(await db.rows('select deaths, last_death_of from feishu_inbox')).toEqual([
        { deaths: 0, last_death_of: null },
      ])
    })

    it('takes no more attempts back than there are, and counts no more deaths than fit', async () => {
      await db.accept({})
      await db.store.instances.renew('gone', 60_000)
      await db.claimEvent('gone')
      await db.rows('update feishu_inbox set attempt = 0, deaths = 32767')
      await db.store.instances.rescue('me', true)
      expect(await db.rows('select attempt, deaths from feishu_inbox')).toEqual([{ attempt: 0, deaths: 32_767 }])
    })

    it('releases its own work at once', async () => {
      await db.accept({})
      await db.store.instances.renew('me', 60_000)
      await db.claimEvent('me')
      await db.store.instances.release('me')
      expect(await db.rows('select id from feishu_instances')).toEqual([])
      expect(await db.claimEvent('other')).toMatchObject({ attempt: 1, deaths: 0 })
    })
  })
}
