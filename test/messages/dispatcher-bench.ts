import { type Deferred, deferred } from '../../src/core/time/deferred.ts'
import type { ErrorRecord } from '../../src/core/errors.ts'
import type { SendFailure, SendOutcome } from '../../src/protocol/data.ts'
import { createDispatcher } from '../../src/messages/create-dispatcher.ts'
import type { Dispatcher } from '../../src/messages/dispatch/dispatcher.ts'
import type { BotDirectory, BotHandlers } from '../../src/messages/handle/bot-handlers.ts'
import type { CallCard } from '../../src/messages/reply/live-stream.ts'
import type { HandlerPool } from '../../src/messages/pool/handler-pool.ts'
import type { MessagesOptions } from '../../src/messages/options.ts'
import type { ContextServer } from '../../src/messages/handle/context-server.ts'
import { DEFAULT_OPTIONS } from './default-options.ts'
import type { ChatOutcome, ChatTask } from '../../src/protocol/chat.ts'
import type { MessageEvent } from '../../src/protocol/model/events.ts'
import type { InboundEventKind } from '../../src/protocol/model/inbound-event.ts'
import type { FeishuEvent, OutgoingReply } from '../../src/protocol/model/message.ts'
import { FakeClock, settle } from '../support/fake-clock.ts'
import { MemoryStore } from './memory-store.ts'

export function messageEvent(chatId: string, messageId: string, text = messageId): FeishuEvent {
  return {
    dedupeKey: `m:${messageId}`,
    eventId: `e-${messageId}`,
    type: 'im.message.receive_v1',
    lane: chatId,
    createdAt: 1_700_000_000_000,
    payload: JSON.stringify({
      schema: '2.0',
      event: {
        sender: { sender_id: { open_id: 'ou_1' } },
        message: {
          message_id: messageId,
          chat_id: chatId,
          chat_type: 'p2p',
          message_type: 'text',
          create_time: '1700000000000',
          content: JSON.stringify({ text }),
        },
      },
    }),
  }
}

export function handled(...texts: string[]): ChatOutcome {
  return { kind: 'handled', replies: texts.map((text) => ({ msgType: 'text', content: JSON.stringify({ text }) })) }
}

export function failed(message = 'broken'): ChatOutcome {
  return { kind: 'failed', error: { code: 'HANDLER_FAILED', message, retryable: true } }
}

/** Refused by Feishu unless `more` says otherwise. */
export function sendFailed(
  error: Partial<ErrorRecord> = {},
  retryAfterMs?: number,
  more: Partial<SendFailure> = {},
): SendOutcome {
  const record: ErrorRecord = { code: 'REPLY_FAILED', message: 'busy', retryable: true, ...error }
  const asked = retryAfterMs === undefined ? {} : { retryAfterMs }
  return { kind: 'failed', failure: { error: record, isRefused: true, ...asked, ...more } }
}

/** A Feishu without cards that stream. */
export const noCards: CallCard = () =>
  Promise.resolve({
    kind: 'failed',
    failure: { error: { code: 'REPLY_REFUSED', message: 'no scope', retryable: false }, isRefused: true },
  })

export const SENT: SendOutcome = { kind: 'sent', messageId: 'om_sent' }

/** Every bot has the same handler, which runs in the pool. */
export function oneHandler(...kinds: InboundEventKind[]): BotHandlers {
  const handler = { ref: { kind: 'builtin', name: 'echo' }, kinds: new Set(kinds) } as const
  return {
    of: () => handler,
    botIdsOf: (executor) => (executor === 'pool' ? ['a', 'b'] : []),
    isUsed: (executor) => executor === 'pool',
    handlesCards: (executor) => executor === 'pool' && handler.kinds.has('card_action'),
  }
}

/** For handlers that ask for nothing. */
export const noCalls: Pick<ContextServer, 'take' | 'messagesBefore'> = {
  take() {},
  messagesBefore: () => Promise.resolve([]),
}

/** Every bot is set as the options say. */
export const plainBots: BotDirectory = {
  settingsOf: () => ({ handler: 'default', limits: {}, policy: {}, openId: null }),
  botIds: () => [],
}

export interface Run extends Deferred<ChatOutcome> {
  readonly botId: string
  readonly chatId: string
  readonly messageId: string
  readonly attempt: number
}

/** A pool whose handlers end when the test says so. */
export class FakePool implements HandlerPool {
  readonly capacity: number
  /** Every run so far; `running` are those that have not ended. */
  readonly runs: Run[] = []
  readonly running = new Set<Run>()
  /** Set to let handlers end by themselves. */
  answer: ((run: Run) => Promise<ChatOutcome>) | undefined

  constructor(capacity: number) {
    this.capacity = capacity
  }

  get isFull(): boolean {
    return this.running.size >= this.capacity
  }

  async run(task: ChatTask): Promise<ChatOutcome> {
    if (task.kind !== 'event') throw new Error('only events are expected')
    const { botId } = task.event
    const { chatId = '', messageId = '' } = { ...task.event } as { chatId?: string; messageId?: string }
    const run = { ...deferred<ChatOutcome>(), botId, chatId, messageId, attempt: task.attempt }
    this.runs.push(run)
    this.running.add(run)
    if (this.answer !== undefined) void this.answer(run).then(run.resolve)
    return run.promise.finally(() => this.running.delete(run))
  }

  close(): Promise<void> {
    for (const run of this.running) run.resolve(failed('the chat pool was closed'))
    return Promise.resolve()
  }
}

export interface Bench {
  readonly clock: FakeClock
  readonly store: MemoryStore
  readonly pool: FakePool
  readonly host: FakePool
  readonly processes: FakePool
  readonly dispatcher: Dispatcher
  readonly events: MessageEvent[]
  /** Every call of the send port. */
  readonly sends: { readonly botId: string; readonly reply: OutgoingReply }[]
  /** Stores events of one bot as if they had been accepted, and wakes the dispatcher. */
  put(botId: string, ...events: FeishuEvent[]): Promise<void>
}

export interface BenchOptions {
  /** Runs at a time in the pool, and on the host. Default: 4. */
  readonly capacity?: number
  readonly handlers?: BotHandlers
  readonly options?: Partial<MessagesOptions>
  readonly send?: (reply: OutgoingReply, botId: string) => Promise<SendOutcome>
}

export function bench({
  capacity = 4,
  handlers = oneHandler('message'),
  options = {},
  send = () => Promise.resolve(SENT),
}: BenchOptions = {}): Bench {
  const clock = new FakeClock()
  const store = new MemoryStore(clock)
  const pool = new FakePool(capacity)
  const host = new FakePool(capacity)
  const processes = new FakePool(2)
  const events: MessageEvent[] = []
  const sends: { botId: string; reply: OutgoingReply }[] = []
  const dispatcher = createDispatcher({
    inbox: store,
    replies: store,
    callCard: noCards,
    executors: { pool, exclusive: new FakePool(0), process: processes, host },
    handlers,
    contextServer: noCalls,
    bots: plainBots,
    owner: 'instance-1',
    sendReply: (botId, reply) => {
      sends.push({ botId, reply })
      return send(reply, botId)
    },
    options: { ...DEFAULT_OPTIONS, ...options, threads: capacity },
    clock,
    random: () => 0.5,
    emit: (event) => events.push(event),
  })
  return {
    clock,
    store,
    pool,
    host,
    processes,
    dispatcher,
    events,
    sends,
    async put(botId, ...accepted) {
      await store.accept(accepted.map((event) => ({ botId, event })))
      dispatcher.wake()
      await settle()
    },
  }
}
