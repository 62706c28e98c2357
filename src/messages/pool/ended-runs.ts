import type { TakeCall } from './run-channel-server.ts'

/** Runs that have ended are remembered, so that what they left behind can be told as theirs. */
const MOST_ENDED = 256

interface EndedRun {
  readonly botId: string | undefined
  readonly take: TakeCall
}

/** The last runs of a thread or process that have ended, by number. */
export class EndedRuns {
  readonly #runs = new Map<number, EndedRun>()

  add(id: number, run: EndedRun): void {
    this.#runs.set(id, run)
    const [oldest] = this.#runs.keys()
    if (this.#runs.size > MOST_ENDED && oldest !== undefined) this.#runs.delete(oldest)
  }

  botOf(id: number): string | undefined {
    return this.#runs.get(id)?.botId
  }

  /** Tells what a run did after its end, as a line of its own log. False if it is not known any more. */
  logLate(id: number, message: string): boolean {
    const ended = this.#runs.get(id)
    if (ended === undefined) return false
    const text = `the handler did this after its end: ${message}`
    void ended.take({ kind: 'log', level: 'error', message: text, fields: {} }, () => {})
    return true
  }
}
