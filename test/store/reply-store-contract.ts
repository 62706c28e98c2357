import { describe, expect, it } from 'vitest'
import type { ClaimedEvent, Fence, StoredReply } from '../../src/store/store.ts'
import { type StoreDriver, reply } from '../support/store.ts'

/** What replies need beside their rows, on every database. */
export function describeReplyStore(current: () => StoreDriver): void {
  const bytes = Buffer.alloc(2_500_000, 'some bytes ')
  /** An event that is run. */
  async function claimed(): Promise<ClaimedEvent> {
    await current().accept({})
    return await current().claimEvent()
  }
  const COMPLETED = { kind: 'completed', replies: [] } as const
  const FAILED = { code: 'REPLY_FAILED', message: '', retryable: true } as const
  /** Fences that do not hold any more, of the event that is run now. */
  async function outdated(): Promise<{ held: ClaimedEvent; fences: Fence[] }> {
    const { store } = current()
    const released = await claimed()
    await store.inbox.finish([{ id: released.id, fence: released.fence, result: { kind: 'released' } }])
    const rescued = await current().claimEvent()
    await store.instances.release('me')
    const held = await current().claimEvent()
    return { held, fences: [released.fence, rescued.fence, { ...held.fence, owner: 'other' }] }
  }
  const upload = { id: 'sha', name: 'a.pdf', size: bytes.length }

  describe('an upload', () => {
    it('is read as it was stored, also when it was stored twice', async () => {
      const { replies } = current().store
      const { id, fence } = await claimed()
      expect(await replies.putUpload(id, fence, upload, bytes)).toBe(true)
      expect(await replies.putUpload(id, fence, upload, bytes)).toBe(true)
      expect(bytes.equals((await replies.upload(id, upload)) ?? Buffer.alloc(0))).toBe(true)
      expect(await replies.upload(id + 1, upload)).toBeNull()
      expect(await replies.upload(id, { ...upload, size: bytes.length + 1_000_000 })).toBeNull()
    })

    it('of a claim that is over is not stored', async () => {
      const { replies } = current().store
      const { held, fences } = await outdated()
      for (const fence of fences) expect(await replies.putUpload(held.id, fence, upload, bytes)).toBe(false)
      expect(await replies.putUpload(held.id + 1, held.fence, upload, bytes)).toBe(false)
      expect(await current().rows('select 1 from feishu_uploads')).toEqual([])
      expect(await replies.putUpload(held.id, held.fence, upload, bytes)).toBe(true)
    })

    it('that no reply shows yet is not taken from an event that is run', async () => {
      const { replies } = current().store
      const { id, fence } = await claimed()
      await replies.putUpload(id, fence, upload, bytes)
      await replies.dropUploads(id)
      expect(await replies.upload(id, upload)).not.toBeNull()
    })

    it('comes with the reply that shows it, and stays until that is sent', async () => {
      const { rows, store } = current()
      const { id, fence } = await claimed()
      await store.replies.putUpload(id, fence, upload, bytes)
      const delivery = { inThread: true, upload } as const
      await store.inbox.finish([{ id, fence, result: { kind: 'completed', replies: [reply({ delivery }), reply()] } }])
      const later = { kind: 'retry', afterMs: 0, error: FAILED } as const
      await store.inbox.settle([{ eventId: id, part: 0, fence, result: { ...later, isRefused: true } }])
      const again = await current().claimReplies()
      expect(again).toMatchObject({ replies: [{ part: 0, delivery }, { part: 1 }] })
      const count = () => rows.call(current(), 'select 1 from feishu_uploads')
      await store.replies.dropUploads(id)
      expect(await count()).toHaveLength(3)
      const sent = { kind: 'sent', messageId: 'om_1' } as const
      const [first] = again.replies as [StoredReply]
      await store.inbox.settle([{ eventId: id, part: 0, fence: first.fence, result: sent }])
      await store.replies.dropUploads(id)
      expect(await count()).toHaveLength(0)
    })

    it('that was left over goes with its event', async () => {
      const { store } = current()
      const { id, fence } = await claimed()
      await store.replies.putUpload(id, fence, upload, bytes)
      await store.inbox.finish([{ id, fence, result: COMPLETED }])
      expect(await store.inbox.prune({ olderThanMs: 0, limit: 10 })).toBe(1)
      expect(await store.replies.upload(id, upload)).toBeNull()
    })
  })

  describe('a streamed answer', () => {
    const streamsOf = async (id: number) =>
      (
        await current().rows<{ stream: number }>(
          'select stream from feishu_streams where inbox_id = $1 order by stream',
          [id],
        )
      ).map(({ stream }) => stream)

    it('only learns: what is known stays, numbers grow', async () => {
      const { replies } = current().store
      const { id, fence } = await claimed()
      expect(await replies.stream(id, fence, 0)).toEqual({ stream: 0, fallback: 0, sequence: 0 })
      const made = await replies.stream(id, fence, 0, { cardId: 'a', changes: 50 })
      expect(made).toMatchObject({ cardId: 'a', sequence: 50 })
      const sent = await replies.stream(id, fence, 0, {
        cardId: 'b',
        messageId: 'om_1',
        isSending: true,
        fallback: 1,
        changes: 1,
      })
      expect(sent).toMatchObject({ cardId: 'a', messageId: 'om_1', fallback: 1, sequence: 51 })
      expect(sent?.sendingMs).toBeLessThan(60_000)
      await replies.stream(id, fence, 2)
      expect(await replies.stream(id, fence, 0, { messageId: 'om_2', fallback: 0 })).toMatchObject({
        messageId: 'om_1',
        fallback: 1,
      })
      expect(await streamsOf(id)).toEqual([0, 2])
    })

    it('learns nothing from a claim that is over', async () => {
      const { replies } = current().store
      const { held, fences } = await outdated()
      const learned = { cardId: 'late', messageId: 'om_late', fallback: 2, isSending: true, changes: 50 }
      for (const fence of fences) expect(await replies.stream(held.id, fence, 0, learned)).toBeNull()
      expect(await streamsOf(held.id)).toEqual([])
      expect(await replies.stream(held.id, held.fence, 0, { cardId: 'own' })).toMatchObject({ cardId: 'own' })
      for (const fence of fences) expect(await replies.stream(held.id, fence, 0, learned)).toBeNull()
      expect(await replies.stream(held.id, held.fence, 0)).toEqual({
        stream: 0,
        fallback: 0,
        cardId: 'own',
        sequence: 0,
      })
    })

    it('goes on while its replies are sent, by whoever sends them', async () => {
      const { store } = current()
      const { id, fence } = await claimed()
      await store.inbox.finish([{ id, fence, result: { kind: 'completed', replies: [reply()] } }])
      expect(await store.replies.stream(id, fence, 0, { changes: 1 })).toMatchObject({ sequence: 1 })
      await store.instances.release('me')
      expect(await store.replies.stream(id, fence, 0, { changes: 1 })).toBeNull()
      const [next] = (await current().claimReplies('other')).replies as [StoredReply]
      expect(await store.replies.stream(id, fence, 0, { changes: 1 })).toBeNull()
      expect(await store.replies.stream(id, next.fence, 0, { changes: 1 })).toMatchObject({ sequence: 2 })
    })

    it('is closed by the claim that ended its event, once there is something to see', async () => {
      const { store } = current()
      const { id, fence } = await claimed()
      await store.replies.stream(id, fence, 0, { cardId: 'kept', isSending: true })
      await store.replies.stream(id, fence, 1, { cardId: 'left', isSending: true, changes: 50 })
      await store.replies.stream(id, fence, 2, { cardId: 'unseen' })
      await store.replies.stream(id, fence, 3, { fallback: 2, isSending: true })
      expect(await store.replies.closeStreams(id, fence, [0])).toEqual([])
      await store.inbox.finish([{ id, fence, result: COMPLETED }])
      // The next message of the chat runs by then.
      await claimed()
      expect(await store.replies.closeStreams(id, { ...fence, owner: 'other' }, [0])).toEqual([])
      expect(await store.replies.closeStreams(id, fence, [0])).toEqual([{ cardId: 'left', sequence: 51 }])
      const all = await store.replies.closeStreams(id, fence, [])
      expect(all.toSorted((a, b) => a.sequence - b.sequence)).toEqual([
        { cardId: 'kept', sequence: 1 },
        { cardId: 'left', sequence: 52 },
      ])
    })

    it('is not closed by a claim before the one that ended its event, nor once that is put back', async () => {
      const { store } = current()
      const { held, fences } = await outdated()
      const { id, fence } = held
      await store.replies.stream(id, fence, 0, { cardId: 'c', isSending: true })
      await store.inbox.finish([{ id, fence, result: { kind: 'dead', reason: 'attempts', error: FAILED } }])
      for (const late of fences) expect(await store.replies.closeStreams(id, late, [])).toEqual([])
      expect(await store.replies.closeStreams(id, fence, [])).toEqual([{ cardId: 'c', sequence: 1 }])
      await store.inbox.resubmit({ eventId: id })
      expect(await store.replies.closeStreams(id, fence, [])).toEqual([])
      await current().complete(await current().claimEvent())
      expect(await store.replies.closeStreams(id, fence, [])).toEqual([])
    })

    it('of unknown outcome is a message of its own when it is put back', async () => {
      const { store } = current()
      const { id, fence } = await claimed()
      const delivery = { inThread: true, stream: 0 } as const
      await store.inbox.finish([{ id, fence, result: { kind: 'completed', replies: [reply({ delivery })] } }])
      const error = { code: 'OUTCOME_UNKNOWN', message: '', retryable: false } as const
      const dead = { kind: 'dead', reason: 'outcome_unknown', error } as const
      await store.inbox.settle([{ eventId: id, part: 0, fence, result: dead }])
      expect(await store.inbox.resubmit({ eventId: id, part: 0 })).toBe(true)
      expect(await current().claim()).toMatchObject([{ replies: [{ delivery: { inThread: true } }] }])
    })

    it('is forgotten with its event', async () => {
      const { store } = current()
      const { id, fence } = await claimed()
      await store.replies.stream(id, fence, 0)
      await store.inbox.finish([{ id, fence, result: COMPLETED }])
      expect(await streamsOf(id)).toEqual([0])
      await store.inbox.prune({ olderThanMs: 0, limit: 10 })
      expect(await streamsOf(id)).toEqual([])
    })
  })
}
