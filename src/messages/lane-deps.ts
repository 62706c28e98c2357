import { AckTimes } from './ack-times.ts'
import type { DispatcherDeps } from './dispatcher.ts'
import { FencedWriter } from './fenced-writer.ts'
import type { KeptUpload, LaneRunDeps } from './lane-run.ts'
import { LiveStreams } from './live-streams.ts'
import { OutboundLimits } from './outbound-limits.ts'
import { ReplySender } from './reply-sender.ts'
import { SendTries } from './send-tries.ts'
import type { Sleeper } from './sleeper.ts'

/** What the dispatcher has around its lanes. */
export interface LaneSurroundings extends Pick<LaneRunDeps, 'isStopping' | 'onThreadFree'> {
  /** Of writes to a store that does not answer. */
  readonly waits: Sleeper
  readonly sends: Sleeper
  readonly isAborting: () => boolean
  readonly isStopped: () => boolean
}

/** Changes of one card, and of all cards of a bot: Feishu allows 5 edits of a message, and about 1000 calls a minute. [D] */
const CHANGES = { perChatPerSecond: 4, perBotPerSecond: 15 } as const

/** Makes what all lanes of a dispatcher share. */
export function laneDeps(
  deps: DispatcherDeps,
  { waits, sends, isAborting, isStopped, ...state }: LaneSurroundings,
): LaneRunDeps {
  const {
    inbox,
    replies,
    places,
    handlers,
    desk,
    bots,
    owner,
    sendReply,
    callCard,
    options,
    clock,
    random,
    emit,
    onDecided,
  } = deps
  const { acks = new AckTimes() } = deps
  const sender = new ReplySender({ sendReply, callCard, replies })
  const limits = new OutboundLimits({
    perChatPerSecond: options.repliesPerChatPerSecond,
    perBotPerSecond: options.repliesPerBotPerSecond,
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
    owner,
    handling: {
      places,
      handlers,
      streams,
      desk,
      bots,
      answers: options.answers,
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
      owner,
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
      write: async (kept) => {
        for (const { eventId, upload, bytes } of kept) await replies.putUpload(eventId, upload, bytes)
        return kept.map(() => true)
      },
    }),
    finish: new FencedWriter({ ...writing, write: (items) => inbox.finish(items) }),
    acks,
    emit,
    ...state,
  }
}
