import type { Alert } from '../protocol/model/events.ts'

/** The alerts of the supervisor thread that are not over. */
export class OpenAlerts {
  readonly #open = new Map<string, Alert>()

  observe(alert: Alert): void {
    const key = `${alert.kind} ${alert.botId ?? ''}`
    if (alert.state === 'raised') this.#open.set(key, alert)
    else this.#open.delete(key)
  }

  /** The thread is gone and its successor knows nothing of them: they are over, and told again if they last. */
  end(at: number): Alert[] {
    const nextStep = 'it is told again if it lasts: the supervisor thread begins anew'
    const over = [...this.#open.values()].map(({ nextAt: _nextAt, ...alert }): Alert => {
      return { ...alert, at, state: 'cleared', nextStep }
    })
    this.#open.clear()
    return over
  }
}
