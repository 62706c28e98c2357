import type { ThreadRole } from './placement.ts'
import type { PoolRun } from './pool-run.ts'

/** Runs that go into a thread together. */
export interface Waiting {
  readonly role: ThreadRole
  readonly runs: readonly PoolRun[]
}

/** Who cannot be placed yet, in order for each role. Only what has threads of its own should ever wait here. */
export class WaitingRuns {
  readonly #byRole: Readonly<Record<ThreadRole, Waiting[]>> = { trial: [], exclusive: [], burner: [], shared: [] }

  get size(): number {
    // Looked at by people and metrics only.
    return Object.values(this.#byRole)
      .flat()
      .reduce((sum, { runs }) => sum + runs.length, 0)
  }

  add(waiting: Waiting): void {
    this.#byRole[waiting.role].push(waiting)
  }

  /** Hands over what can be placed now; `start` answers whether it could. Who cannot holds up none of another handler. */
  drain(start: (waiting: Waiting) => boolean): void {
    for (const queue of Object.values(this.#byRole)) {
      const held = new Set<string | undefined>()
      const left = queue.splice(0).filter((waiting) => {
        const handler = waiting.runs[0]?.handlerKey
        if (held.has(handler) || start(waiting)) return held.has(handler)
        held.add(handler)
        return true
      })
      // What `start` added meanwhile came later.
      queue.unshift(...left)
    }
  }

  clear(): void {
    for (const queue of Object.values(this.#byRole)) queue.length = 0
  }
}
