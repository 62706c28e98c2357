import type { Clock } from '../../../src/core/time/clock.ts'
import type { SupervisorReport } from '../../../src/protocol/model/status.ts'
import type { InboxStore } from '../../../src/store/store.ts'

type Figures = SupervisorReport['inbox']

/** Longest wait for the figures, milliseconds. A slow database must not make the status slow. */
const DEADLINE_MS = 300

/** Reads how full the inbox is. Falls back to the last known figures when the database does not answer in time. */
export class InboxFigures {
  readonly #inbox: () => Pick<InboxStore, 'summary'> | undefined
  readonly #clock: Clock
  #last: Figures = { depth: 0, oldestAgeMs: 0, dead: 0 }

  /** `inbox` returns undefined while no store is open. */
  constructor(inbox: () => Pick<InboxStore, 'summary'> | undefined, clock: Clock) {
    this.#inbox = inbox
    this.#clock = clock
  }

  async read(): Promise<Figures> {
    const inbox = this.#inbox()
    if (inbox === undefined) return this.#last
    this.#last = await new Promise((resolve) => {
      const cancel = this.#clock.after(DEADLINE_MS, () => resolve(this.#last))
      inbox
        .summary()
        .then(resolve, () => resolve(this.#last))
        .finally(cancel)
    })
    return this.#last
  }
}
