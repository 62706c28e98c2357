import type { Clock } from '../core/clock.ts'
import type { HandlerRef } from '../protocol/chat.ts'
import type { MessageEvent } from '../protocol/events.ts'
import type { FeishuEvent } from '../protocol/message.ts'
import type { Store } from '../store/store.ts'
import { ChatPool } from './chat-pool.ts'
import type { SendReply } from './deliver-replies.ts'
import { Dispatcher } from './dispatcher.ts'
import { Intake } from './intake.ts'
import { MESSAGES_DEFAULTS, type MessagesOptions } from './options.ts'

export interface MessagesDeps {
  readonly inbox: Store['inbox']
  /** Names this supervisor thread in every claim; its lease is the caller's business. */
  readonly owner: string
  readonly handler: HandlerRef
  /** The built file of the pool threads. */
  readonly chatWorker: string
  readonly sendReply: SendReply
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  /** Must not throw. */
  readonly emit: (event: MessageEvent) => void
  /** A pool thread died without a task. */
  readonly onIdleDeath: (thrown: unknown) => void
  readonly options?: Partial<MessagesOptions>
}

export interface Messages {
  /** Works before `start` too. Resolves once the event is committed; see Intake. */
  accept(botId: string, event: FeishuEvent): Promise<void>
  /** Rejects with `HANDLER_UNLOADABLE` and stays idle when the handler cannot be loaded. */
  start(): Promise<void>
  /** Always resolves, at the latest about a second after `graceMs`. */
  stop(graceMs: number): Promise<void>
  /** There may be something to claim: the store is back, or work was rescued. */
  wake(): void
  stats(): { readonly threads: number; readonly busy: number; readonly queued: number }
}

/**
 * The way of a message through the supervisor thread: committed, handled, answered. Knows the store
 * as an interface and bots as a port to send through; knows neither connections nor workers of bots.
 */
export function createMessages(deps: MessagesDeps): Messages {
  const { inbox, owner, handler, sendReply, clock, random, emit } = deps
  const options = { ...MESSAGES_DEFAULTS, ...deps.options }
  const pool = new ChatPool({
    filename: deps.chatWorker,
    threads: options.threads,
    threadMemoryMb: options.threadMemoryMb,
    clock,
    onIdleDeath: deps.onIdleDeath,
  })
  const dispatcher = new Dispatcher({ inbox, pool, owner, handler, sendReply, options, clock, random, emit })
  const intake = new Intake({
    inbox,
    maxBatch: options.maxBatch,
    maxWaiting: options.maxWaiting,
    emit,
    onCommitted: () => dispatcher.wake(),
  })
  return {
    accept: (botId, event) => intake.accept(botId, event),
    async start() {
      await pool.probe(handler, options.probeTimeoutMs)
      dispatcher.start()
    },
    stop: (graceMs) => dispatcher.stop(graceMs),
    wake: () => dispatcher.resume(),
    stats: () => pool.stats,
  }
}
