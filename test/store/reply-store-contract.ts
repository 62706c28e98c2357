import { describe, expect, it } from 'vitest'
import type { Accepted } from '../../src/store/store.ts'
import { type StoreDriver, reply } from '../support/store.ts'

/** What replies need beside their rows, on every database. */
export function describeReplyStore(current: () => StoreDriver): void {
  const bytes = Buffer.alloc(2_500_000, 'some bytes ')
  const accepted = async () => (await current().accept({}))[0] as Accepted
  const upload = { id: 'sha', name: 'a.pdf', size: bytes.length }

  describe('an upload', () => {
    it('is read as it was stored, also when it was stored twice', async () => {
      const { replies } = current().store
      await replies.putUpload(1, upload, bytes)
      await replies.putUpload(1, upload, bytes)
      expect(bytes.equals((await replies.upload(1, upload)) ?? Buffer.alloc(0))).toBe(true)
      expect(await replies.upload(2, upload)).toBeNull()
      expect(await replies.upload(1, { ...upload, size: bytes.length + 1_000_000 })).toBeNull()
    })

    it('comes with the reply that shows it, and stays until that is sent', async () => {
      const { rows, store } = current()
      const { id } = await accepted()
      await current().claim()
      await store.replies.putUpload(id, upload, bytes)
      const fence = { owner: 'me', attempt: 1 }
      const delivery = { inThread: true, upload } as const
      await store.inbox.finish([{ id, fence, result: { kind: 'completed', replies: [reply({ delivery }), reply()] } }])
      const later = {
        kind: 'retry',
        afterMs: 0,
        error: { code: 'REPLY_FAILED', message: '', retryable: true },
      } as const
      await store.inbox.settle([{ eventId: id, part: 0, fence, result: { ...later, isRefused: true } }])
      const [claimed] = await current().claim()
      expect(claimed).toMatchObject({ replies: [{ part: 0, delivery }, { part: 1 }] })
      const count = () => rows.call(current(), 'select 1 from feishu_uploads')
      await store.replies.dropUploads(id)
      expect(await count()).toHaveLength(3)
      const sent = { kind: 'sent', messageId: 'om_1' } as const
      await store.inbox.settle([{ eventId: id, part: 0, fence: { owner: 'me', attempt: 2 }, result: sent }])
      await store.replies.dropUploads(id)
      expect(await count()).toHaveLength(0)
    })

    it('that was left over goes with its event', async () => {
      const { store } = current()
      const { id } = await accepted()
      await current().claim()
      await store.replies.putUpload(id, upload, bytes)
      const result = { kind: 'completed', replies: [] } as const
      await store.inbox.finish([{ id, fence: { owner: 'me', attempt: 1 }, result }])
      expect(await store.inbox.prune({ olderThanMs: 0, limit: 10 })).toBe(1)
      expect(await store.replies.upload(id, upload)).toBeNull()
    })
  })

  describe('a streamed answer', () => {
    it('only learns: what is known stays, numbers grow', async () => {
      const { replies } = current().store
      expect(await replies.stream(1, 0)).toEqual({ stream: 0, fallback: 0, sequence: 0 })
      expect(await replies.stream(1, 0, { cardId: 'a', changes: 50 })).toMatchObject({ cardId: 'a', sequence: 50 })
      const sent = await replies.stream(1, 0, {
        cardId: 'b',
        messageId: 'om_1',
        isSending: true,
        fallback: 1,
        changes: 1,
      })
      expect(sent).toMatchObject({ cardId: 'a', messageId: 'om_1', fallback: 1, sequence: 51 })
      expect(sent.sendingMs).toBeLessThan(60_000)
      await replies.stream(1, 2)
      expect(await replies.stream(1, 0, { messageId: 'om_2', fallback: 0 })).toMatchObject({
        messageId: 'om_1',
        fallback: 1,
      })
      expect((await replies.streams(1)).map(({ stream }) => stream)).toEqual([0, 2])
    })

    it('of unknown outcome is a message of its own when it is put back', async () => {
      const { store } = current()
      const { id } = await accepted()
      await current().claim()
      const fence = { owner: 'me', attempt: 1 }
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
      const { id } = await accepted()
      await current().claim()
      await store.replies.stream(id, 0)
      const result = { kind: 'completed', replies: [] } as const
      await store.inbox.finish([{ id, fence: { owner: 'me', attempt: 1 }, result }])
      await store.inbox.prune({ olderThanMs: 0, limit: 10 })
      expect(await store.replies.streams(id)).toEqual([])
    })
  })
}
