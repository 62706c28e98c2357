import { assertNever } from '../../core/assert-never.ts'
import { crashPoint } from '../../core/crash-point.ts'
import { deferred } from '../../core/time/deferred.ts'
import type { MessageEvent } from '../../protocol/model/events.ts'
import type { UploadRef } from '../../protocol/model/message.ts'
import type { Claimed, ClaimedEvent, EventResult, Fence, FinishedEvent, StoredReply } from '../../store/store.ts'
import type { AckTimes } from '../intake/ack-times.ts'
import { type Executor, executorFor, executorOf } from '../handle/bot-handlers.ts'
import type { BusyLane } from './lane-load.ts'
import { type DeliverRepliesDeps, deliverReplies, giveBack } from '../reply/deliver-replies.ts'
import type { FencedWriter } from '../writes/fenced-writer.ts'
import { type HandleEventDeps, handleEvent } from '../handle/handle-event.ts'
import type { LiveStreams } from '../reply/live-streams.ts'

export interface LaneRunDeps {
  readonly handling: HandleEventDeps
  readonly delivery: DeliverRepliesDeps
  readonly keep: FencedWriter<KeptUpload>
  readonly streams: Pick<LiveStreams, 'end'>
  /** Closes the streams that an event has begun, except for those in `except`. Must not reject. */
  readonly closeStreams: (event: ClaimedEvent, except: readonly number[]) => Promise<void>
  readonly finish: FencedWriter<FinishedEvent>
  readonly acks: AckTimes
  /** True when no new work may begin. Work that was claimed at the last moment is given back. */
  readonly isStopping: () => boolean
  readonly emit: (event: MessageEvent) => void
  /** Called when the lane has left the stage `before`. */
  readonly onStage: (lane: LaneRun, before: BusyLane['stage']) => void
  /** Called when a run has ended. `ms` is its time. */
  readonly onRunEnded: (executor: Executor, ms: number) => void
}

/** Bytes of an upload that are to be stored. */
export interface KeptUpload {
  readonly eventId: number
  readonly fence: Fence
  readonly upload: UploadRef
  readonly bytes: Uint8Array
}

export function laneKey(botId: string, lane: string): string {
  return JSON.stringify([botId, lane])
}

/** Runs one claimed lane, from its claim until the store has it back. */
export class LaneRun implements BusyLane {
  readonly botId: string
  readonly executor: Executor
  readonly key: string
  readonly #item: Claimed
  readonly #deps: LaneRunDeps
  readonly #started = deferred()
  #mayHaveMore: boolean
  #stage: BusyLane['stage']

  constructor(item: Claimed, deps: LaneRunDeps) {
    this.botId = item.botId
    const handler = deps.handling.handlers.of(item.botId)
    this.executor = item.kind === 'event' ? executorFor(item, handler) : executorOf(handler)
    this.key = laneKey(item.botId, item.lane)
    this.#item = item
    this.#deps = deps
    this.#mayHaveMore = item.kind === 'replies' || item.hasMore !== false
    this.#stage = item.kind === 'event' ? 'waiting' : 'delivering'
  }

  /** True when more work of the lane may be due after this run. */
  get mayHaveMore(): boolean {
    return this.#mayHaveMore
  }

  get stage(): BusyLane['stage'] {
    return this.#stage
  }

  /** Starts the event: there is room for its run. */
  start(): void {
    if (this.#stage === 'waiting') this.#enter('running')
    this.#started.resolve()
  }

  /** Notes that an event came into the lane. */
  expectMore(): void {
    this.#mayHaveMore = true
  }

  /** Runs the lane to its end. An event waits for `start` first, because it needs room. */
  async run(): Promise<void> {
    const { isStopping, delivery } = this.#deps
    const item = this.#item
    switch (item.kind) {
      case 'event':
        return this.#runEvent(item)
      case 'replies':
        return isStopping() ? giveBack(item.replies, delivery) : deliverReplies(item.botId, item.replies, delivery)
      default:
        return assertNever(item)
    }
  }

  async #runEvent(claimed: ClaimedEvent): Promise<void> {
    const { handling, delivery, streams, finish, acks, isStopping, onRunEnded } = this.#deps
    const claimedAt = handling.clock.now()
    await this.#started.promise
    const startedAt = handling.clock.now()
    const event = older(claimed, Math.max(0, startedAt - claimedAt))
    const result: EventResult = isStopping() ? { kind: 'released' } : await handleEvent(event, handling)
    this.#enter('delivering')
    onRunEnded(this.executor, handling.clock.now() - startedAt)

    const isStreamed = await streams.end(event.id)
    if (!(await this.#keepUploads(event, result))) return
    const { id: eventId, fence, sinceArrivalMs } = event
    const written = await finish.write({ id: eventId, fence, result, ...acks.take(eventId) })
    crashPoint('complete.after')
    const handleMs = handling.clock.now() - startedAt
    if (written === 'held' || written === 'unsure') this.#report(event, result, handleMs)
    if (isStreamed || event.wasClaimed) await this.#closeStreams(event, result)
    if (result.kind !== 'completed') return
    const arrival = sinceArrivalMs === undefined ? {} : { sinceArrivalMs: sinceArrivalMs + handleMs }
    const first = { eventId, fence, attempt: 1, unknownAttempts: 0, ageMs: 0, ...arrival }
    const replies = result.replies.map((reply, part): StoredReply => ({ ...reply, ...first, part }))
    if (written === 'held') await deliverReplies(event.botId, replies, delivery)
    // If an earlier try was committed, the lane is still ours and its replies are unsent. But another claim may have
    // the lane by now. Sending could then disturb the order of its replies; giving back cannot.
    if (written === 'unsure') await giveBack(replies, delivery)
  }

  #enter(stage: BusyLane['stage']): void {
    const before = this.#stage
    this.#stage = stage
    this.#deps.onStage(this, before)
  }

  /** Closes streams that no later run will finish: those of earlier attempts, and all when the event is dead. */
  async #closeStreams(event: ClaimedEvent, result: EventResult): Promise<void> {
    if (result.kind === 'dead') await this.#deps.closeStreams(event, [])
    if (result.kind !== 'completed') return
    await this.#deps.closeStreams(
      event,
      result.replies.flatMap(({ delivery }) => delivery?.stream ?? []),
    )
  }

  /**
   * Stores the bytes of uploads before the replies that show them. False when the stop came first, or when another
   * claim has the lane.
   */
  async #keepUploads({ id: eventId, fence }: ClaimedEvent, result: EventResult): Promise<boolean> {
    if (result.kind !== 'completed') return true
    for (const { bytes, delivery } of result.replies) {
      const upload = delivery?.upload
      if (bytes === undefined || upload === undefined) continue
      if ((await this.#deps.keep.write({ eventId, fence, upload, bytes })) !== 'held') return false
      crashPoint('upload.kept')
    }
    return true
  }

  #report(event: ClaimedEvent, result: EventResult, ms: number): void {
    const { emit } = this.#deps
    const { id: eventId, botId, attempt, wasClaimed, ageMs, sinceArrivalMs } = event
    // Only a first claim has a meaningful wait: later ones wait on purpose, resubmitted events have no arrival time.
    const waited = !wasClaimed && sinceArrivalMs !== undefined ? { waitMs: ageMs } : {}
    const replyCount = result.kind === 'completed' ? result.replies.length : 0
    switch (result.kind) {
      case 'completed': {
        const why = result.reason === undefined ? {} : { reason: result.reason }
        return emit({ stage: 'handled', botId, eventId, attempt, replyCount, ...why, ...waited, handleMs: ms })
      }
      case 'retry':
        return emit({ stage: 'retry', botId, eventId, attempt, afterMs: result.afterMs, error: result.error })
      case 'dead':
        return emit({ stage: 'dead', botId, eventId, reason: result.reason, error: result.error })
      case 'released':
        return
      default:
        return assertNever(result)
    }
  }
}

/** Adds the time that the event waited for room after its claim to its ages. */
function older(event: ClaimedEvent, ms: number): ClaimedEvent {
  const { ageMs, staleMs, sinceArrivalMs } = event
  const arrival = sinceArrivalMs === undefined ? {} : { sinceArrivalMs: sinceArrivalMs + ms }
  return { ...event, ageMs: ageMs + ms, staleMs: staleMs + ms, ...arrival }
}
