import type { Clock } from '../core/time/clock.ts'
import { type ChatOutcome, type HandlerRef, type HostRun, isIsolated } from '../protocol/chat.ts'
import type { MessageEvent } from '../protocol/model/events.ts'
import { CARD_ACTION_TYPE, type CardResponse } from '../protocol/model/inbound-event.ts'
import type { FeishuEvent } from '../protocol/model/message.ts'
import type { PoolStats } from '../protocol/model/status.ts'
import type { ReplyStore, Store } from '../store/store.ts'
import { AckTimes } from './intake/ack-times.ts'
import { type BotDirectory, LoadedHandlers } from './handle/bot-handlers.ts'
import { CardActions } from './intake/card-actions.ts'
import { ChatPool } from './pool/chat-pool.ts'
import type { CrowdedHandler } from './pool/chat-pool-options.ts'
import { createDispatcher } from './create-dispatcher.ts'
import type { SendReply } from './reply/deliver-replies.ts'
import { ExclusiveRuns } from './pool/exclusive-runs.ts'
import { HostRuns } from './pool/host-runs.ts'
import { ProcessRuns } from './pool/process-runs.ts'
import { InboundLimit } from './intake/inbound-limit.ts'
import { Intake } from './intake/intake.ts'
import type { CallCard } from './reply/live-stream.ts'
import { FIXED_OPTIONS, type FixedOptions, type GivenOptions } from './options.ts'
import { Retention } from './retention.ts'
import type { ContextServer } from './handle/context-server.ts'

export type { CrowdedHandler } from './pool/chat-pool-options.ts'

export interface MessagesDeps {
  readonly inbox: Store['inbox']
  readonly replies: ReplyStore
  /** Id of this supervisor thread, written into every claim. The caller keeps its lease. */
  readonly owner: string
  /** Handlers by the names that bots refer to. */
  readonly handlers: Readonly<Record<string, HandlerRef>>
  readonly bots: BotDirectory
  /** Secrets that handlers read by name. */
  readonly secrets: Readonly<Record<string, string>>
  readonly contextServer: ContextServer
  /** Path of the built file of the pool threads. */
  readonly chatWorker: string
  /** Path of the built file of the processes of handlers. */
  readonly chatProcess: string
  readonly sendReply: SendReply
  readonly callCard: CallCard
  /** Hands a run to the host's thread. The outcome comes back through `hostRunEnded`. Must not throw. */
  readonly runOnHost: (run: HostRun) => void
  readonly clock: Clock
  /** Returns a number in [0, 1). */
  readonly random: () => number
  /** Must not throw. */
  readonly emit: (event: MessageEvent) => void
  /** Called with what processes of handlers print, one or more lines. */
  readonly onPrinted: (text: string) => void
  /** Called when a pool thread or a process of handlers dies without a task. */
  readonly onIdleDeath: (thrown: unknown) => void
  /** Called with the number of pool threads that were given up but do not end. */
  readonly onStuck: (stuck: number) => void
  /** Called when runs of a handler were together too big for a thread. */
  readonly onCrowded: (crowded: CrowdedHandler) => void
  readonly options: GivenOptions & Partial<FixedOptions>
}

export interface Messages {
  /**
   * Accepts an event, before `start` too. Resolves once the event is committed (see `Intake`). For a card
   * callback it resolves once there is an answer (see `CardActions`).
   */
  accept(botId: string, event: FeishuEvent): Promise<CardResponse | undefined>
  /** Takes the outcome of a run on the host's thread. */
  hostRunEnded(id: number, outcome: ChatOutcome): void
  /**
   * Loads the handlers and starts to claim. Rejects with `HANDLER_UNLOADABLE` and stays idle when a handler cannot be
   * loaded.
   */
  start(): Promise<void>
  /** Stops the work. Always resolves, at the latest after `graceMs`; a grace below 2 s may be exceeded by a second. */
  stop(graceMs: number): Promise<void>
  /** Starts a claim now: the store is back, or work was rescued. */
  wake(): void
  stats(): PoolStats
}

/**
 * Takes a message through the supervisor thread: committed, handled, answered. The store is an interface
 * here, and a bot is a port to send through. Connections and workers of bots are not known here.
 */
export function createMessages(deps: MessagesDeps): Messages {
  const { inbox, replies, owner, sendReply, callCard, clock, random, emit } = deps
  const options = { ...FIXED_OPTIONS, ...deps.options }
  const pool = new ChatPool({
    filename: deps.chatWorker,
    threads: options.threads,
    concurrency: options.concurrency,
    runsPerThread: options.runsPerThread,
    handlerHangMs: options.handlerHangMs,
    threadMemoryMb: options.threadMemoryMb,
    secrets: deps.secrets,
    clock,
    threadMaxTasks: options.threadMaxTasks,
    onIdleDeath: deps.onIdleDeath,
    onStuck: deps.onStuck,
    onCrowded: deps.onCrowded,
    onFreed: () => dispatcher.wake(),
  })
  const host = new HostRuns({
    capacity: options.hostRuns,
    send: deps.runOnHost,
    onFreed: () => dispatcher.wake(),
    clock,
  })
  const processes = new ProcessRuns({
    entry: deps.chatProcess,
    threads: options.threads,
    threadMemoryMb: options.threadMemoryMb,
    threadMaxTasks: options.threadMaxTasks,
    secrets: deps.secrets,
    clock,
    onPrinted: deps.onPrinted,
    onIdleDeath: deps.onIdleDeath,
    onFreed: () => dispatcher.wake(),
  })
  const handlers = new LoadedHandlers(deps.bots)
  const acks = new AckTimes()
  const dispatcher = createDispatcher({
    inbox,
    replies,
    executors: { pool, exclusive: new ExclusiveRuns(pool, options.threads), process: processes, host },
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
        const place = isIsolated(ref) ? processes : pool
        const kinds = ref.kind === 'host' ? new Set(ref.kinds) : await place.probe(ref, options.probeTimeoutMs)
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
    stats() {
      const { stats } = pool
      const { overdueCount } = host
      return {
        ...stats,
        queued: stats.queued + dispatcher.waitingCount,
        ...(overdueCount > 0 && { overdueOnHost: overdueCount }),
        ...processes.stats,
      }
    },
  }
}
