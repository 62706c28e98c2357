import type { StreamFrame } from '../../src/protocol/chat.ts'

/**
 * One frame of a stream at a time is on its way: what comes before it has been used is replaced by what comes
 * later, because every frame holds the whole text.
 */
export class StreamCredit {
  readonly #post: (frame: StreamFrame) => void
  /** By stream, while a frame is on its way: what goes next. */
  readonly #next = new Map<number, StreamFrame | undefined>()

  constructor(post: (frame: StreamFrame) => void) {
    this.#post = post
  }

  show(frame: StreamFrame): void {
    const isOnItsWay = this.#next.has(frame.stream)
    this.#next.set(frame.stream, isOnItsWay ? frame : undefined)
    if (!isOnItsWay) this.#post(frame)
  }

  used(stream: number): void {
    const next = this.#next.get(stream)
    this.#next.delete(stream)
    if (next !== undefined) this.show(next)
  }

  /** The last text of each stream goes out without waiting. */
  end(): void {
    for (const next of this.#next.values()) if (next !== undefined) this.#post(next)
    this.#next.clear()
  }
}
