import type { BackoffPolicy } from '../../core/time/backoff.ts'
import type { Clock } from '../../core/time/clock.ts'
import { crashPoint } from '../../core/crash-point.ts'
import type { ArrivalOrder, Claimed, ClaimedEvent, InboxStore, NewEvent } from '../../store/store.ts'
import { type BotHandlers, type Executor, executorOf } from '../handle/bot-handlers.ts'
import { Prefetch } from './prefetch.ts'
import { ClaimLoop } from './claim-loop.ts'
import { ClaimedLanes } from './claimed-lanes.ts'
import { type Demand, demand, nextLanes, type ExecutorLimits } from './demand.ts'
import type { HandlerPool } from '../pool/handler-pool.ts'
import { LaneRun, type LaneRunDeps } from './lane-run.ts'
import { Sleeper } from '../writes/sleeper.ts'
import { UrgentClaims } from './urgent-claims.ts'

/** What all lanes share; the dispatcher adds its own state. */
export interface LaneEnvironment extends Pick<LaneRunDeps, 'isStopping' | 'onThreadFree'> {
  /** Of writes to a store that does not answer. */
  readonly waits: Sleeper
  readonly sends: Sleeper
  readonly isAborting: () => boolean
  readonly isStopped: () => boolean
}

export interface DispatcherDeps {
  readonly inbox: Pick<InboxStore, 'claim' | 'claimEvent'>
  /** Where handlers run. */
  readonly executors: Readonly<Record<Executor, HandlerPool>>
  readonly handlers: BotHandlers
  /** Names this supervisor thread in every claim. */
  readonly owner: string
  /** Makes what all lanes share. */
  readonly laneDeps: (environment: LaneEnvironment) => LaneRunDeps
  readonly lanesPerBot: number
  readonly pollMs: number
  readonly storeBackoff: BackoffPolicy
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
}

/** `draining`: nothing new is begun. `aborting`: handlers and sends are cut short. `stopped`: nothing is written any more. */
type Phase = 'idle' | 'running' | 'draining' | 'aborting' | 'stopped'

/** How long the stop waits, after its grace, for the store to take the claims back. */
const GIVE_BACK_MS = 1_000

const EXECUTORS: readonly Executor[] = ['pool', 'host']

/**
 * Says which lanes may be claimed, hands free threads to those that are, and sees each through to its end.
 *
 * A lane belongs to one LaneRun at a time, because the store hands it out to one owner at a time and
 * gets it back with the last write of the run. Order per lane follows from that alone.
 */
export class Dispatcher {
  readonly #deps: DispatcherDeps
  readonly #laneDeps: LaneRunDeps
  /** Waits of the claim loop and of writes to a store that does not answer. */
  readonly #waits: Sleeper
  readonly #sends: Sleeper
  readonly #lanes = new ClaimedLanes()
  readonly #urgent: Readonly<Record<Executor, UrgentClaims>>
  readonly #prefetch = new Prefetch()
  readonly #claims: ClaimLoop
  /** Threads that an offer may fill. */
  #slotsOffered = 0
  #phase: Phase = 'idle'
  #stopping: Promise<void> | undefined

  constructor(deps: DispatcherDeps) {
    this.#deps = deps
    this.#waits = new Sleeper(deps.clock)
    this.#sends = new Sleeper(deps.clock)
    this.#laneDeps = deps.laneDeps({
      waits: this.#waits,
      sends: this.#sends,
      isStopping: () => this.#phase !== 'running',
      isAborting: () => this.#phase === 'aborting' || this.#phase === 'stopped',
      isStopped: () => this.#phase === 'stopped',
      onThreadFree: (executor, ms) => this.#onThreadFree(executor, ms),
    })
    this.#urgent = { pool: this.#makeUrgent(), host: this.#makeUrgent() }
    const { inbox, owner, pollMs, storeBackoff, random } = deps
    this.#claims = new ClaimLoop({
      inbox,
      owner,
      pollMs,
      storeBackoff,
      sleeper: this.#waits,
      random,
      demand: () => this.#demand(),
      begin: (item) => this.#begin(item),
      fillThreads: () => this.#fillThreads(),
    })
  }

  /** Lanes claimed and not given back yet. */
  get laneCount(): number {
    return this.#lanes.count
  }

  start(): void {
    if (this.#phase !== 'idle') return
    this.#phase = 'running'
    this.#claims.start()
  }

  /**
   * Runs a stored event before all others, in a thread that other events do not get. False if nothing
   * runs now; the event is then an ordinary one, as it is when its claim fails.
   */
  runNow(botId: string, eventId: number): boolean {
    if (this.#phase !== 'running') return false
    this.#urgent[executorOf(this.#deps.handlers.of(botId))].add(eventId)
    this.#fillThreads()
    return true
  }

  /** What may be claimed as it is stored: nothing while others wait longer. `arrived` follows. */
  offer(): ArrivalOrder | undefined {
    if (this.#phase !== 'running' || this.#claims.hasMoreDue) return undefined
    const order = this.#demand()
    this.#slotsOffered = order.limit
    return order.limit === 0 ? undefined : { owner: this.#deps.owner, ...order, isBusy: this.#lanes.isBusy }
  }

  /** These were stored; without them: some, perhaps. What came into a busy lane is claimed after what is there. */
  arrived(events?: readonly NewEvent[], claimed: readonly ClaimedEvent[] = []): void {
    this.#slotsOffered = 0
    if (claimed.length > 0) crashPoint('claim.after')
    for (const event of claimed) this.#begin(event)
    this.#fillThreads()
    const lanes = events?.map(({ botId, event }) => this.#lanes.of(botId, event.lane))
    for (const lane of lanes ?? []) lane?.expectMore()
    if (lanes === undefined || lanes.includes(undefined)) this.wake()
  }

  /** There may be something to claim. */
  wake(): void {
    this.#claims.wake()
  }

  /** The store can be reached again: even the wait after a failed claim is over. */
  resume(): void {
    this.#claims.resume()
  }

  /**
   * Claims nothing more and waits up to `graceMs` for handlers and sends; what is left then is cut
   * short and given back uncounted. Resolves at most about a second after that, store or no store:
   * claims it could not give back are freed with the owner's lease.
   */
  stop(graceMs: number): Promise<void> {
    this.#stopping ??= this.#stop(graceMs)
    return this.#stopping
  }

  async #stop(graceMs: number): Promise<void> {
    this.#phase = 'draining'
    this.#claims.stop()
    this.#fillThreads()
    await this.#waits.within(graceMs, this.#allDone())
    this.#phase = 'aborting'
    this.#sends.close()
    const closed = EXECUTORS.map((executor) => this.#deps.executors[executor].close(0))
    await this.#waits.within(GIVE_BACK_MS, Promise.all([this.#allDone(), ...closed]))
    this.#phase = 'stopped'
    this.#waits.close()
  }

  async #allDone(): Promise<void> {
    await this.#claims.ended()
    await Promise.all(EXECUTORS.map((executor) => this.#urgent[executor].idle()))
    await this.#lanes.allDone()
  }

  #demand(): Demand {
    return demand(this.#lanes, {
      lanesPerBot: this.#deps.lanesPerBot,
      executors: EXECUTORS.map((executor) => this.#limitsOf(executor)).filter(
        ({ executor, botIds }) => executor === 'pool' || botIds().length > 0,
      ),
    })
  }

  #limitsOf(executor: Executor): ExecutorLimits {
    const limits = this.#threadsOf(executor)
    return {
      ...limits,
      promised: limits.promised + this.#slotsOffered,
      // Runs on the host's thread are not in our hands.
      ahead: executor === 'pool' ? this.#prefetch.limit(limits.threads) : 0,
      botIds: () => this.#deps.handlers.botIdsOf(executor),
    }
  }

  #threadsOf(executor: Executor) {
    const { handlers, executors } = this.#deps
    const { threads } = executors[executor]
    // Only a card has somebody waiting at the screen; with a single thread nothing can be set aside.
    const reserved = threads > 1 && handlers.handlesCards(executor) ? 1 : 0
    return { executor, threads, reserved, promised: this.#urgent[executor].count }
  }

  /** What cannot wait goes first. */
  #fillThreads(): void {
    // What has no thread yet when it is over goes back.
    if (this.#phase !== 'running') return [...this.#lanes].forEach((lane) => lane.start())
    const handling = [...this.#lanes].filter(({ stage }) => stage === 'handling')
    for (const executor of EXECUTORS) {
      const { threads, reserved } = this.#threadsOf(executor)
      const idle = threads - handling.filter((lane) => lane.executor === executor).length
      this.#urgent[executor].fill(idle - Math.min(this.#claims.slotsBeingClaimed, Math.max(0, idle - reserved)))
      // Asked anew: what has just been promised to urgent events is not given away.
      for (const lane of nextLanes(this.#lanes, this.#threadsOf(executor))) lane.start()
    }
  }

  #makeUrgent(): UrgentClaims {
    const { inbox, owner } = this.#deps
    return new UrgentClaims(
      (eventId) => inbox.claimEvent({ owner, eventId }),
      (event) => (event === null ? this.wake() : this.#begin(event).start()),
    )
  }

  #begin(item: Claimed): LaneRun {
    const lane = new LaneRun(item, this.#laneDeps)
    const done = lane.run().finally(() => {
      this.#lanes.delete(lane)
      if (lane.mayHaveMore || this.#claims.hasMoreDue) this.wake()
      else void this.#claims.wakeSoon()
    })
    this.#lanes.add(lane, done)
    return lane
  }

  #onThreadFree(executor: Executor, ms: number): void {
    if (executor === 'pool') this.#prefetch.ran(ms)
    if (this.#claims.hasMoreDue) this.wake()
    else this.#fillThreads()
  }
}
