import type { Logger } from '../../../src/core/log/logger.ts'

/**
 * Counts unreadable frames by reason. Of each reason only the 1st, the 10th, the 100th, ... frame is logged, so that a
 * flood of frames does not become a flood of log lines.
 */
export class DroppedFrames {
  readonly #logger: Logger
  readonly #counts = new Map<string, number>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Number of dropped frames by reason. Undefined if there are none. */
  get counts(): Readonly<Record<string, number>> | undefined {
    return this.#counts.size === 0 ? undefined : Object.fromEntries(this.#counts)
  }

  /** `reason` is one of a few fixed texts, never a text from the network. */
  add(reason: string): void {
    const count = (this.#counts.get(reason) ?? 0) + 1
    this.#counts.set(reason, count)
    if (/^10*$/.test(String(count))) {
      this.#logger.warn(`a frame was dropped: ${reason}; Feishu pushes its event again`, { reason, count })
    }
  }
}
