import type { Clock } from '../core/time/clock.ts'
import type { MessageEvent } from '../protocol/model/events.ts'
import type { InboxStore, ReplyStore } from '../store/store.ts'
import { AckTimes } from './intake/ack-times.ts'
import type { SendReply } from './reply/deliver-replies.ts'
import { Dispatcher, type DispatcherDeps, type LaneEnvironment } from './dispatch/dispatcher.ts'
import { FencedWriter } from './writes/fenced-writer.ts'
import type { HandleEventDeps } from './handle/handle-event.ts'
import type { KeptUpload, LaneRunDeps } from './dispatch/lane-run.ts'
import type { CallCard } from './reply/live-stream.ts'
import { LiveStreams } from './reply/live-streams.ts'
import type { MessagesOptions } from './options.ts'
import { OutboundLimits } from './reply/outbound-limits.ts'
import { ReplySender } from './reply/reply-sender.ts'
import { SendTries } from './reply/send-tries.ts'

export interface CreateDispatcherDeps
  extends Pick<DispatcherDeps, 'executors' | 'handlers' | 'owner'>,
    Pick<HandleEventDeps, 'contextServer' | 'bots' | 'onDecided'> {
  readonly inbox: Pick<InboxStore, 'claim' | 'claimEvent' | 'finish' | 'settle'>
  readonly replies: ReplyStore
  readonly sendReply: SendReply
  readonly callCard: CallCard
  readonly options: MessagesOptions
  readonly clock: Clock
  /** Returns a number in [0, 1). */
  readonly random: () => number
  readonly emit: (event: MessageEvent) => void
  /** Acknowledgement times of events. Default: none are known. */
  readonly acks?: AckTimes
}

/**
 * Limits for changes of one card, and of all cards of a bot. Feishu allows 5 edits of a message per second, and
 * about 1000 calls of an app per minute. [D]
 */
const CHANGES = { perChatPerSecond: 4, perBotPerSecond: 15 } as const

/** Makes the dispatcher and the parts that its lanes share. */
export function createDispatcher(deps: CreateDispatcherDeps): Dispatcher {
  const { inbox, executors, handlers, owner, clock, random, options } = deps
  const { lanesPerBot, maxBatch, threads, pollMs, storeBackoff } = options
  return new Dispatcher({
    inbox,
    executors,
    handlers,
    owner,
    laneDeps: (environment) => laneDeps(deps, environment),
    lanesPerBot,
    maxBatch,
    threads,
    pollMs,
    storeBackoff,
    clock,
    random,
  })
}

function laneDeps(deps: CreateDispatcherDeps, environment: LaneEnvironment): LaneRunDeps {
  const {
    inbox,
    replies,
    executors,
    handlers,
    contextServer,
    bots,
    sendReply,
    callCard,
    options,
    clock,
    random,
    emit,
  } = deps
  const { onDecided, acks = new AckTimes() } = deps
  const { waits, sends, isAborting, isStopped, ...state } = environment
  const sender = new ReplySender({ sendReply, callCard, replies })
  const limits = new OutboundLimits({
    perChatPerSecond: options.repliesPerChatPerSecond,
    perBotPerSecond: options.repliesPerSecond,
    ofBot: (botId) => bots.settingsOf(botId)?.limits.repliesPerSecond,
    clock,
  })
  const streams = new LiveStreams({
    replies,
    sendReply,
    callCard,
    limits,
    changeLimits: new OutboundLimits({ ...CHANGES, clock }),
    sleeper: sends,
  })
  const writing = {
    maxBatch: options.maxBatch,
    backoff: options.storeBackoff,
    sleeper: waits,
    random,
    isStopped,
  }
  return {
    handling: {
      executors,
      handlers,
      streams,
      contextServer,
      bots,
      answerPolicy: options.policy,
      onDecided,
      handlerTimeoutMs: options.handlerTimeoutMs,
      policy: { maxAttempts: options.maxAttempts, backoff: options.backoff },
      maxAgeMs: options.maxAgeMs,
      clock,
      random,
      isAborting,
    },
    delivery: {
      sendStored: (botId, reply) => sender.send(botId, reply),
      dropUploads: (eventId) => replies.dropUploads(eventId).catch(() => {}),
      settle: new FencedWriter({ ...writing, write: (items) => inbox.settle(items) }),
      policy: { maxAttempts: options.maxReplyAttempts, backoff: options.replyBackoff },
      limits,
      tries: new SendTries(),
      clock,
      sendTimeoutMs: options.sendTimeoutMs,
      sends,
      random,
      isAborting,
      emit,
    },
    streams,
    closeStreams: (event, except) => sender.closeStreams(event, except).catch(() => {}),
    keep: new FencedWriter<KeptUpload>({
      ...writing,
      maxBatch: 1,
      write: (kept) =>
        Promise.all(kept.map(({ eventId, fence, upload, bytes }) => replies.putUpload(eventId, fence, upload, bytes))),
    }),
    finish: new FencedWriter({ ...writing, write: (items) => inbox.finish(items) }),
    acks,
    emit,
    ...state,
  }
}
