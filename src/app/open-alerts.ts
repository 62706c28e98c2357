import type { Alert } from '../protocol/model/events.ts'

/** Raised alerts of the supervisor thread. */
export class OpenAlerts {
  readonly #open = new Map<string, Alert>()

  observe(alert: Alert): void {
    const key = `${alert.kind} ${alert.botId ?? ''}`
    if (alert.state === 'raised') this.#open.set(key, alert)
    else this.#open.delete(key)
  }

  /** Clears all alerts, because the supervisor thread is gone. The next thread raises them again if their problem lasts. */
  end(at: number): Alert[] {
    const nextStep = 'the restarted supervisor thread raises the alert again if the problem lasts'
    const over = [...this.#open.values()].map(({ nextAt: _nextAt, ...alert }): Alert => {
      return { ...alert, at, state: 'cleared', nextStep }
    })
    this.#open.clear()
    return over
  }
}
