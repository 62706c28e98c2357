import type { ResolvedOptions } from '../protocol/host.ts'
import { type BotReport, idleConnection, type SupervisorReport } from '../protocol/model/status.ts'

/** Keeps the newest report of the supervisor thread. */
export class LastReport {
  #report: SupervisorReport

  constructor({ messages, databaseUrl }: ResolvedOptions) {
    this.#report = {
      bots: [],
      pool: { threads: messages.threads, busy: 0, queued: 0, stuck: 0 },
      inbox: { depth: 0, oldestAgeMs: 0, dead: 0 },
      store: { kind: databaseUrl === undefined ? 'pglite' : 'postgres', ready: false },
    }
  }

  get report(): SupervisorReport {
    return this.#report
  }

  replace(report: SupervisorReport): void {
    this.#report = report
  }

  /** Marks all bots as not connected, because the supervisor thread is gone. The other figures stay. */
  threadGone(now: number): void {
    const { bots, pool, store } = this.#report
    this.#report = {
      ...this.#report,
      bots: bots.map((bot) => withoutWorker(bot, now)),
      pool: { ...pool, busy: 0 },
      store: { ...store, ready: false },
    }
  }
}

function withoutWorker({ memoryMb: _memoryMb, utilization: _utilization, ...bot }: BotReport, now: number): BotReport {
  const { nextAt: _nextAt, nextStep: _nextStep, ...child } = bot.child
  return { ...bot, child: { ...child, state: 'stopped', since: now }, connection: idleConnection(now) }
}
