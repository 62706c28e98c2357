import type { StreamFrame } from '../../protocol/chat.ts'
import type { ClaimedEvent } from '../../store/store.ts'
import { LiveStream, type LiveStreamDeps } from './live-stream.ts'
import type { ReplyTarget } from './reply-target.ts'
import { streamUuid } from './reply-uuid.ts'

/** Longest wait for a call that Feishu does not answer. The call does no harm when it ends later. */
const MAX_END_MS = 10_000

/** Holds the streamed answers of all events in work. */
export class LiveStreams {
  readonly #deps: LiveStreamDeps
  readonly #streams = new Map<number, Map<number, LiveStream>>()

  constructor(deps: LiveStreamDeps) {
    this.#deps = deps
  }

  /** Settles when the text has been used and another one may come; never if none is shown any more. */
  show({ id, fence, botId, dedupeKey }: ClaimedEvent, target: ReplyTarget, frame: StreamFrame): Promise<void> {
    const streams = this.#streams.get(id) ?? new Map<number, LiveStream>()
    this.#streams.set(id, streams)
    const known = streams.get(frame.stream)
    if (known !== undefined) return known.show(frame)
    const owner = { eventId: id, fence, botId, ...target, uuid: streamUuid(botId, dedupeKey, frame.stream) }
    const stream = new LiveStream(owner, frame, this.#deps)
    streams.set(frame.stream, stream)
    return stream.show(frame)
  }

  /** Ends the streams of an event whose run is over. True if the event had a stream. */
  async end(eventId: number): Promise<boolean> {
    const streams = this.#streams.get(eventId)
    if (streams === undefined) return false
    this.#streams.delete(eventId)
    await this.#deps.sleeper.within(MAX_END_MS, Promise.all([...streams.values()].map((stream) => stream.end())))
    return true
  }
}
