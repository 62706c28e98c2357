import type { Clock } from '../../../src/core/time/clock.ts'
import type { NamedEvent } from '../../../src/protocol/model/events.ts'
import type { BotReport, PoolStats } from '../../../src/protocol/model/status.ts'
import type { AlertWatch } from './alert-watch.ts'
import type { InboxFigures } from '../store/inbox-figures.ts'
import type { InstanceWatch } from './instance-watch.ts'

export interface InstancePatrolDependencies {
  readonly watch: InstanceWatch
  readonly alerts: AlertWatch
  readonly everyMs: number
  readonly bots: () => readonly BotReport[]
  readonly pool: () => PoolStats
  readonly inbox: InboxFigures
  readonly clock: Clock
}

const MB = 1_048_576

/** Looks at the whole instance again and again, and tells what is wrong with it. */
export class InstancePatrol {
  readonly #deps: InstancePatrolDependencies
  #cancel: () => void = () => {}

  constructor(deps: InstancePatrolDependencies) {
    this.#deps = deps
  }

  start(): void {
    const { clock, everyMs } = this.#deps
    this.#cancel = clock.after(everyMs, () => {
      this.start()
      void this.look()
    })
  }

  close(): void {
    this.#cancel()
  }

  /** What is counted over time. */
  see(named: NamedEvent): void {
    if (named.kind === 'message' && named.event.stage === 'dead') this.#deps.watch.died(this.#deps.clock.now())
  }

  async look(): Promise<void> {
    const { watch, alerts, bots, pool, inbox, clock } = this.#deps
    const { oldestAgeMs } = await inbox.read()
    const now = clock.now()
    const workers = bots()
    // What was too much a while ago may be over, without a change of the bot.
    for (const worker of workers) alerts.see(worker, now)
    const residentMb = Math.round(process.memoryUsage.rss() / MB)
    const conditions = watch.look({ residentMb, workers, pool: pool(), oldestAgeMs }, now)
    for (const [part, condition] of Object.entries(conditions)) alerts.seeInstance(part, condition, now)
  }
}
