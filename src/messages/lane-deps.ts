import { AckTimes } from './ack-times.ts'
import type { DispatcherDeps, Phase } from './dispatcher.ts'
import { FencedWriter } from './fenced-writer.ts'
import type { KeptUpload, LaneRunDeps } from './lane-run.ts'
import { OutboundLimits } from './outbound-limits.ts'
import { ReplySender } from './reply-sender.ts'
import { SendTries } from './send-tries.ts'
import type { Sleeper } from './sleeper.ts'

export interface LaneWorld extends Pick<LaneRunDeps, 'onThreadFree'> {
  /** Of writes to a store that does not answer. */
  readonly waits: Sleeper
  /** Closed when sends are no longer waited for. */
  readonly sends: Sleeper
  readonly phase: () => Phase
}

/** What all lanes of one dispatcher share. */
export function laneDeps(deps: DispatcherDeps, { waits, sends, phase, onThreadFree }: LaneWorld): LaneRunDeps {
  const { inbox, replies, places, handlers, desk, bots, owner, sendReply, options, clock, random, emit, onDecided } =
    deps
  const { acks = new AckTimes() } = deps
  const isAborting = (): boolean => phase() === 'aborting' || phase() === 'stopped'
  const sender = new ReplySender({ sendReply, replies })
  const writing = {
    maxBatch: options.maxBatch,
    backoff: options.storeBackoff,
    sleeper: waits,
    random,
    isStopped: () => phase() === 'stopped',
  }
  return {
    owner,
    handling: {
      places,
      handlers,
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
      limits: new OutboundLimits({
        perChatPerSecond: options.repliesPerChatPerSecond,
        perBotPerSecond: options.repliesPerBotPerSecond,
        ofBot: (botId) => bots.settingsOf(botId)?.limits.repliesPerSecond,
        clock,
      }),
      tries: new SendTries(),
      clock,
      sendTimeoutMs: options.sendTimeoutMs,
      sends,
      random,
      isAborting,
      emit,
    },
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
    isStopping: () => phase() !== 'running',
    emit,
    onThreadFree,
  }
}
