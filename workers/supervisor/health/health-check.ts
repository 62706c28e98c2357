import type { Clock } from '../../../src/core/time/clock.ts'
import type { NamedEvent } from '../../../src/protocol/model/events.ts'
import type { BotReport, PoolStats } from '../../../src/protocol/model/status.ts'
import type { AlertTracker } from './alert-tracker.ts'
import type { InboxFigures } from '../store/inbox-figures.ts'
import type { InstanceLimits } from './instance-limits.ts'

export interface HealthCheckDeps {
  readonly limits: InstanceLimits
  readonly alerts: AlertTracker
  readonly everyMs: number
  readonly bots: () => readonly BotReport[]
  readonly pool: () => PoolStats
  readonly inbox: InboxFigures
  readonly clock: Clock
}

const MB = 1_048_576

/** Checks the whole instance every `everyMs` milliseconds and passes its conditions to `AlertTracker`. */
export class HealthCheck {
  readonly #deps: HealthCheckDeps
  #cancel: () => void = () => {}

  constructor(deps: HealthCheckDeps) {
    this.#deps = deps
  }

  start(): void {
    const { clock, everyMs } = this.#deps
    this.#cancel = clock.after(everyMs, () => {
      this.start()
      void this.check()
    })
  }

  close(): void {
    this.#cancel()
  }

  /** Counts dead letters. */
  observe(named: NamedEvent): void {
    if (named.kind === 'message' && named.event.stage === 'dead') this.#deps.limits.died(this.#deps.clock.now())
  }

  async check(): Promise<void> {
    const { limits, alerts, bots, pool, inbox, clock } = this.#deps
    const { oldestAgeMs } = await inbox.read()
    const now = clock.now()
    const workers = bots()
    // Rate alarms clear with time, without a new status of the bot.
    for (const worker of workers) alerts.observe(worker, now)
    const residentMb = Math.round(process.memoryUsage.rss() / MB)
    const conditions = limits.check({ residentMb, workers, pool: pool(), oldestAgeMs }, now)
    for (const [part, condition] of Object.entries(conditions)) alerts.observeInstance(part, condition, now)
  }
}
