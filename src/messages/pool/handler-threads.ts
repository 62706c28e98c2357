import type { RunFault } from '../../protocol/run-channel.ts'
import type { PoolStats } from '../../protocol/model/status.ts'
import { Sleeper } from '../writes/sleeper.ts'
import type { ChatPoolSettings } from './chat-pool-options.ts'
import { HandlerThread } from './handler-thread.ts'
import type { ThreadRole } from './placement.ts'
import type { PoolRun } from './pool-run.ts'
import { MAX_TERMINATION_MS, StuckThreads } from './stuck-threads.ts'
import { wearOf } from './wear.ts'

export interface ThreadEvents {
  /** It ended by itself. */
  readonly onDeath: (thread: HandlerThread, thrown: unknown) => void
  readonly onFault: (thread: HandlerThread, run: number, fault: RunFault) => void
  /** There may be room for another one. */
  readonly onGone: () => void
}

/** A thread beside the shared ones that has nothing to do ends after this. */
const IDLE_MS = 60_000

/** Runs that nobody waits for any more keep their places until the thread is renewed. */
const ABANDONED_SHARE = 2

/** The threads of the pool: makes them, finds one for a run, renews and ends them. */
export class HandlerThreads {
  readonly #settings: ChatPoolSettings
  readonly #events: ThreadEvents
  readonly #sleeper: Sleeper
  readonly #stuck: StuckThreads
  readonly #threads = new Set<HandlerThread>()

  constructor(settings: ChatPoolSettings, events: ThreadEvents) {
    const { clock, onStuck, onFreed } = settings
    this.#settings = settings
    this.#events = events
    this.#sleeper = new Sleeper(clock)
    const onGone = (): void => {
      events.onGone()
      onFreed()
    }
    this.#stuck = new StuckThreads({ sleeper: this.#sleeper, onStuck, onGone })
    this.fill()
  }

  [Symbol.iterator](): Iterator<HandlerThread> {
    return this.#threads.values()
  }

  has(thread: HandlerThread): boolean {
    return this.#threads.has(thread)
  }

  get stats(): Pick<PoolStats, 'threads' | 'stuck' | 'renewing'> {
    const isOpen = ({ role, wear }: HandlerThread): boolean => role === 'shared' && wear === undefined
    const renewing = [...this.#threads].filter(({ wear }) => wear !== undefined).length
    return {
      threads: [...this.#threads].filter(isOpen).length,
      stuck: this.#stuck.count,
      ...(renewing > 0 && { renewing }),
    }
  }

  /** The bot has lost as many threads as it may. */
  isUsedUpBy(botId: string): boolean {
    return this.#stuck.isUsedUpBy(botId)
  }

  /** Shared threads are made ahead of their first run. */
  fill(): void {
    const { threads } = this.#settings
    const shared = [...this.#threads].filter(({ role }) => role === 'shared')
    const open = shared.filter(({ wear, isBlocked }) => wear === undefined && !isBlocked)
    // Those that are renewed take their time; there are never more than twice as many as there should be.
    const missing = Math.min(threads - open.length, 2 * threads - shared.length)
    for (let n = 0; n < missing; n += 1) this.#newThread('shared')
  }

  /** The thread where a run goes on, made if need be; undefined if there is no room now. */
  find(role: ThreadRole, { handlerKey }: PoolRun, runsOfHandler: number): HandlerThread | undefined {
    const { threads, runsPerThread, rules } = this.#settings
    const views = [...this.#threads].map((thread) => thread.view(handlerKey))
    const placement = rules.place(role, views, { threads, runsPerThread, runsOfHandler })
    if (placement.kind === 'wait') return undefined
    return placement.kind === 'thread' ? placement.thread.of : this.#newThread(role)
  }

  /** It has one run less or more, or another state: perhaps it has served its time. */
  weigh(thread: HandlerThread): void {
    thread.wear ??= wearOf(thread.use, this.#settings)
    if (!this.#threads.has(thread) || thread.runs.size > 0) return
    if (thread.wear !== undefined || thread.role === 'trial') this.end(thread, undefined)
    else if (thread.role !== 'shared' && thread.runCount === 0) {
      thread.cancelIdle()
      thread.cancelIdle = this.#settings.clock.after(IDLE_MS, () => this.end(thread, undefined))
    }
  }

  /** The other threads that try the same runs need no more room: who did it was not among theirs. */
  clear(runs: Iterable<PoolRun>): void {
    const [first] = runs
    if (first?.quarantine === undefined) return
    for (const thread of this.#threads) {
      const [run] = thread.runs.values()
      if (thread.role === 'trial' && run?.quarantine === first.quarantine) thread.wear ??= 'runs'
    }
  }

  /** Whatever it does. `botId` has its code on the stack. */
  end(thread: HandlerThread, botId: string | undefined): void {
    if (!this.#threads.delete(thread)) return
    thread.cancelIdle()
    void this.#stuck.follow(thread.thread.end(), botId)
  }

  /** Always resolves shortly. */
  async endAll(): Promise<void> {
    for (const thread of this.#threads) this.end(thread, undefined)
    await this.#sleeper.within(MAX_TERMINATION_MS, this.#stuck.allGone())
  }

  #newThread(role: ThreadRole): HandlerThread {
    const { filename, threadMemoryMb: memoryMb, secrets, runsPerThread, makeThread } = this.#settings
    const { onDeath, onFault } = this.#events
    const thread: HandlerThread = new HandlerThread(
      role,
      makeThread({
        filename,
        memoryMb,
        secrets,
        mostRuns: ABANDONED_SHARE * runsPerThread,
        isBurner: role === 'burner',
        onDeath: (thrown) => onDeath(thread, thrown),
        onFault: (run, fault) => onFault(thread, run, fault),
      }),
    )
    this.#threads.add(thread)
    return thread
  }
}
