import type { Bench } from 'tinybench'
import type { Claimed, FinishedEvent, NewEvent, SettledReply, Store } from '../../src/store/store.ts'
import { toFeishuEvent } from '../../src/protocol/model/feishu-event.ts'
import { envelope } from './sample.ts'

const OWNER = 'bench'

/** One statement, hence one transaction and one round trip, for so many messages in as many chats. */
export function addStatements(bench: Bench, { inbox }: Store): void {
  let next = 1
  let events: NewEvent[] = []
  let claimed: readonly Claimed[] = []

  const arrive = (count: number): void => {
    events = Array.from({ length: count }, (_none, chat) => ({
      botId: `bot ${chat % 10}`,
      event: toFeishuEvent(envelope(next++, chat), Date.now()),
    }))
  }
  const claim = async (limit: number): Promise<void> => {
    claimed = (await inbox.claim({ owner: OWNER, limit })).items
  }
  const finish = (): Promise<boolean[]> => inbox.finish(claimed.flatMap(finished))
  const settle = (): Promise<boolean[]> => inbox.settle(claimed.flatMap(settled))
  /** Leaves nothing behind: every measured statement finds the same state. */
  const clear = async (): Promise<void> => {
    await claim(1_000)
    await finish()
    await settle()
  }

  for (const count of [1, 50]) {
    const of = count === 1 ? '' : ` of ${count}`
    const accept = async (): Promise<void> => {
      arrive(count)
      await inbox.accept(events)
    }
    bench
      .add(`accept${of}`, () => inbox.accept(events), { beforeEach: () => arrive(count), afterEach: clear })
      .add(`claim${of}`, () => claim(count), {
        beforeEach: accept,
        async afterEach() {
          await finish()
          await settle()
        },
      })
      .add(`finish${of}, each with a reply`, finish, {
        async beforeEach() {
          await accept()
          await claim(count)
        },
        async afterEach() {
          await settle()
        },
      })
      .add(`settle${of}`, settle, {
        async beforeEach() {
          await accept()
          await claim(count)
          await finish()
        },
      })
  }
  bench
    .add('accept of a duplicate', () => inbox.accept(events), {
      async beforeAll() {
        arrive(1)
        await inbox.accept(events)
        await clear()
      },
    })
    .add('claim where nothing waits', () => claim(4))
}

function finished(item: Claimed): FinishedEvent[] {
  if (item.kind === 'replies') return []
  const { id, fence, botId, lane } = item
  const reply = {
    messageId: 'om_1',
    receiver: { type: 'chat_id', id: lane },
    uuid: `${botId}-${id}`,
    msgType: 'text',
    content: '{"text":"echo"}',
  } as const
  return [{ id, fence, result: { kind: 'completed', replies: [reply] } }]
}

function settled(item: Claimed): SettledReply[] {
  if (item.kind === 'replies') return []
  return [{ eventId: item.id, part: 0, fence: item.fence, result: { kind: 'sent', messageId: `om_${item.id}` } }]
}
