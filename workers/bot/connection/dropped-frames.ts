import type { Logger } from '../../../src/core/log/logger.ts'

/**
 * Counts what the wire brought and nobody could read, by reason. A flood must not become a flood of log
 * lines, so of each reason only the 1st, the 10th, the 100th, ... is logged.
 */
export class DroppedFrames {
  readonly #logger: Logger
  readonly #counts = new Map<string, number>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** By reason; undefined for none. */
  get counts(): Readonly<Record<string, number>> | undefined {
    return this.#counts.size === 0 ? undefined : Object.fromEntries(this.#counts)
  }

  /** `reason` is one of a few fixed texts, never one from the wire. */
  add(reason: string): void {
    const count = (this.#counts.get(reason) ?? 0) + 1
    this.#counts.set(reason, count)
    if (/^10*$/.test(String(count))) {
      this.#logger.warn(`a frame was dropped: ${reason}; Feishu pushes its event again`, { reason, count })
    }
  }
}
