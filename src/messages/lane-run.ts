import { assertNever } from '../core/assert-never.ts'
import { crashPoint } from '../core/crash-point.ts'
import type { MessageEvent } from '../protocol/events.ts'
import type { UploadRef } from '../protocol/message.ts'
import type { Claimed, ClaimedEvent, EventResult, FinishedEvent, StoredReply } from '../store/store.ts'
import type { BusyLane } from './demand.ts'
import { type DeliverRepliesDeps, deliverReplies, giveBack } from './deliver-replies.ts'
import type { FencedWriter } from './fenced-writer.ts'
import { type HandleEventDeps, handleEvent } from './handle-event.ts'

export interface LaneRunDeps {
  readonly owner: string
  readonly handling: HandleEventDeps
  readonly delivery: DeliverRepliesDeps
  readonly keep: FencedWriter<KeptUpload>
  readonly finish: FencedWriter<FinishedEvent>
  /** No new work is begun; what was claimed at the last moment goes back. */
  readonly isStopping: () => boolean
  readonly emit: (event: MessageEvent) => void
  /** The pool thread is free again. */
  readonly onThreadFree: () => void
}

/** Bytes on their way into the store; no fence guards them, since their id says what they are. */
export interface KeptUpload {
  readonly eventId: number
  readonly upload: UploadRef
  readonly bytes: Uint8Array
}

/** One claimed lane, from its claim until the store has it back. */
export class LaneRun implements BusyLane {
  readonly botId: string
  readonly #item: Claimed
  readonly #deps: LaneRunDeps
  #stage: BusyLane['stage']

  constructor(item: Claimed, deps: LaneRunDeps) {
    this.botId = item.botId
    this.#item = item
    this.#deps = deps
    this.#stage = item.kind === 'event' ? 'handling' : 'delivering'
  }

  get stage(): BusyLane['stage'] {
    return this.#stage
  }

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

  async #runEvent(event: ClaimedEvent): Promise<void> {
    const { owner, handling, delivery, finish, isStopping, onThreadFree } = this.#deps
    const result: EventResult = isStopping() ? { kind: 'released' } : await handleEvent(event, handling)
    this.#stage = 'delivering'
    onThreadFree()

    if (!(await this.#keepUploads(event.id, result))) return
    const written = await finish.write({ id: event.id, fence: { owner, attempt: event.attempt }, result })
    crashPoint('complete.after')
    if (written === 'held' || written === 'unsure') this.#report(event, result)
    if (result.kind !== 'completed') return
    const replies = result.replies.map(
      (reply, part): StoredReply => ({ ...reply, eventId: event.id, part, attempt: 1, unknownAttempts: 0, ageMs: 0 }),
    )
    if (written === 'held') await deliverReplies(event.botId, replies, delivery)
    // Our own write, committed without an answer, left the lane ours and its replies unsent; but the lane
    // may as well be somebody else's by now. Sending could then disturb their order, giving back cannot.
    if (written === 'unsure') await giveBack(replies, delivery)
  }

  /** Bytes are stored before the reply that shows them. False when the stop came first. */
  async #keepUploads(eventId: number, result: EventResult): Promise<boolean> {
    if (result.kind !== 'completed') return true
    for (const { bytes, delivery } of result.replies) {
      const upload = delivery?.upload
      if (bytes === undefined || upload === undefined) continue
      if ((await this.#deps.keep.write({ eventId, upload, bytes })) !== 'held') return false
      crashPoint('upload.kept')
    }
    return true
  }

  #report({ id, botId, attempt }: ClaimedEvent, result: EventResult): void {
    const { emit } = this.#deps
    switch (result.kind) {
      case 'completed':
        return emit({ stage: 'handled', botId, eventId: id, attempt, replyCount: result.replies.length })
      case 'retry':
        return emit({ stage: 'retry', botId, eventId: id, attempt, afterMs: result.afterMs, error: result.error })
      case 'dead':
        return emit({ stage: 'dead', botId, eventId: id, reason: result.reason, error: result.error })
      case 'released':
        return
      default:
        return assertNever(result)
    }
  }
}
