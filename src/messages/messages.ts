import type { Clock } from '../core/time/clock.ts'
import type { ChatOutcome, HandlerRef, HostRun } from '../protocol/chat.ts'
import type { MessageEvent } from '../protocol/model/events.ts'
import { CARD_ACTION_TYPE, type CardResponse } from '../protocol/model/inbound-event.ts'
import type { FeishuEvent } from '../protocol/model/message.ts'
import type { PoolStats } from '../protocol/model/status.ts'
import type { ReplyStore, Store } from '../store/store.ts'
import { AckTimes } from './intake/ack-times.ts'
import { type BotDirectory, LoadedHandlers } from './handle/bot-handlers.ts'
import { CardActions } from './intake/card-actions.ts'
import { ChatPool } from './pool/chat-pool.ts'
import { createDispatcher } from './create-dispatcher.ts'
import type { SendReply } from './reply/deliver-replies.ts'
import { HostRuns } from './pool/host-runs.ts'
import { InboundLimit } from './intake/inbound-limit.ts'
import { Intake } from './intake/intake.ts'
import type { CallCard } from './reply/live-stream.ts'
import { FIXED_OPTIONS, type FixedOptions, type GivenOptions } from './options.ts'
import { Retention } from './retention.ts'
import type { ContextServer } from './handle/context-server.ts'

export interface MessagesDeps {
  readonly inbox: Store['inbox']
  readonly replies: ReplyStore
  /** Names this supervisor thread in every claim; its lease is the caller's business. */
  readonly owner: string
  /** By the names that bots are assigned to. */
  readonly handlers: Readonly<Record<string, HandlerRef>>
  readonly bots: BotDirectory
  /** What handlers may ask for by name. */
  readonly secrets: Readonly<Record<string, string>>
  readonly contextServer: ContextServer
  /** The built file of the pool threads. */
  readonly chatWorker: string
  readonly sendReply: SendReply
  readonly callCard: CallCard
  /** Hands a run to the host's thread; its answer comes with `hostRunEnded`. Must not throw. */
  readonly runOnHost: (run: HostRun) => void
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  /** Must not throw. */
  readonly emit: (event: MessageEvent) => void
  /** A pool thread died without a task. */
  readonly onIdleDeath: (thrown: unknown) => void
  /** So many pool threads were given up but do not end. */
  readonly onStuck: (stuck: number) => void
  readonly options: GivenOptions & Partial<FixedOptions>
}

export interface Messages {
  /**
   * Works before `start` too. Resolves once the event is committed (see Intake), for a card callback once
   * there is an answer to it (see CardDesk).
   */
  accept(botId: string, event: FeishuEvent): Promise<CardResponse | undefined>
  /** The host's answer to a run. */
  hostRunEnded(id: number, outcome: ChatOutcome): void
  /** Rejects with `HANDLER_UNLOADABLE` and stays idle when a handler cannot be loaded. */
  start(): Promise<void>
  /** Always resolves, at the latest about a second after `graceMs`. */
  stop(graceMs: number): Promise<void>
  /** There may be something to claim: the store is back, or work was rescued. */
  wake(): void
  stats(): PoolStats
}

/**
 * The way of a message through the supervisor thread: committed, handled, answered. Knows the store
 * as an interface and bots as a port to send through; knows neither connections nor workers of bots.
 */
export function createMessages(deps: MessagesDeps): Messages {
  const { inbox, replies, owner, sendReply, callCard, clock, random, emit } = deps
  const options = { ...FIXED_OPTIONS, ...deps.options }
  const pool = new ChatPool({
    filename: deps.chatWorker,
    threads: options.threads,
    concurrency: options.threads,
    threadMemoryMb: options.threadMemoryMb,
    secrets: deps.secrets,
    clock,
    threadMaxTasks: options.threadMaxTasks,
    onIdleDeath: deps.onIdleDeath,
    onStuck: deps.onStuck,
    onFreed: () => dispatcher.wake(),
  })
  const host = new HostRuns({ threads: options.hostRuns, send: deps.runOnHost, clock })
  const handlers = new LoadedHandlers(deps.bots)
  const acks = new AckTimes()
  const dispatcher = createDispatcher({
    inbox,
    replies,
    executors: { pool, host },
    handlers,
    contextServer: deps.contextServer,
    bots: deps.bots,
    owner,
    sendReply,
    callCard,
    options,
    clock,
    random,
    emit,
    acks,
    onDecided: (eventId, decision) => cards.decided(eventId, decision),
  })
  const intake = new Intake({
    inbox,
    maxBatch: options.maxBatch,
    maxWaiting: options.maxWaiting,
    limit: new InboundLimit({ perSecond: options.inboundPerSecond, burst: options.inboundBurst }, (botId) => {
      const { inboundPerSecond: perSecond, inboundBurst: burst } = deps.bots.settingsOf(botId)?.limits ?? {}
      return { ...(perSecond === undefined ? {} : { perSecond }), ...(burst === undefined ? {} : { burst }) }
    }),
    maxPayloadBytes: options.maxPayloadBytes,
    clock,
    emit,
    offer: () => dispatcher.offer(),
    onCommitted: (events, claimed) => dispatcher.arrived(events, claimed),
  })
  const cards = new CardActions({
    accept: (botId, event) => intake.accept(botId, event),
    runNow: (botId, eventId) => dispatcher.runNow(botId, eventId),
    handlesCards: (botId) => handlers.of(botId)?.kinds.has('card_action') ?? true,
    clock,
    acks,
    answerMs: options.cardAnswerMs,
    pendingText: options.cardPendingText,
  })
  const { retentionMs: keepMs, retentionEveryMs: everyMs } = options
  const retention = new Retention({ inbox, keepMs, everyMs, clock })
  return {
    async accept(botId, event) {
      if (event.type === CARD_ACTION_TYPE) return await cards.accept(botId, event)
      const { id, duplicate } = await intake.accept(botId, event)
      if (!duplicate && event.oversizeBytes === undefined) acks.add(id, clock.now())
      return undefined
    },
    async start() {
      for (const [name, ref] of Object.entries(deps.handlers)) {
        const kinds = ref.kind === 'host' ? new Set(ref.kinds) : await pool.probe(ref, options.probeTimeoutMs)
        handlers.add(name, { ref, kinds })
      }
      dispatcher.start()
      retention.start()
    },
    async stop(graceMs) {
      retention.stop()
      await dispatcher.stop(graceMs)
    },
    hostRunEnded: (id, outcome) => host.ended(id, outcome),
    wake: () => dispatcher.resume(),
    stats: () => pool.stats,
  }
}
