import type { BackoffPolicy } from '../../core/time/backoff.ts'
import type { Clock } from '../../core/time/clock.ts'
import { crashPoint } from '../../core/crash-point.ts'
import type { ArrivalOrder, Claimed, ClaimedEvent, InboxStore, NewEvent } from '../../store/store.ts'
import { type Executor, EXECUTORS, executorOf } from '../handle/bot-handlers.ts'
import { ClaimLoop } from './claim-loop.ts'
import { ClaimedLanes } from './claimed-lanes.ts'
import { byExecutor, RunRoom, type RunRoomDeps } from './run-room.ts'
import { LaneRun, type LaneRunDeps } from './lane-run.ts'
import { Sleeper } from '../writes/sleeper.ts'
import { UrgentClaims } from './urgent-claims.ts'

/** State of the dispatcher that its lanes need. */
export interface LaneEnvironment extends Pick<LaneRunDeps, 'isStopping' | 'onStage' | 'onRunEnded'> {
  /** Waits of writes to a store that does not answer. */
  readonly waits: Sleeper
  readonly sends: Sleeper
  readonly isAborting: () => boolean
  readonly isStopped: () => boolean
}

export interface DispatcherDeps extends Omit<RunRoomDeps, 'urgent'> {
  readonly inbox: Pick<InboxStore, 'claim' | 'claimEvent'>
  /** Id of this supervisor thread, written into every claim. */
  readonly owner: string
  /** Makes the dependencies that all lanes share. */
  readonly laneDeps: (environment: LaneEnvironment) => LaneRunDeps
  readonly pollMs: number
  readonly storeBackoff: BackoffPolicy
  readonly clock: Clock
  /** Returns a number in [0, 1). */
  readonly random: () => number
}

/** `draining`: no new work begins. `aborting`: handlers and sends are cut short. `stopped`: writes have ended. */
type Phase = 'idle' | 'running' | 'draining' | 'aborting' | 'stopped'

/** Longest part of the grace time that is kept for giving claims back to the store. It is never more than half of it. */
const GIVE_BACK_MS = 5_000

/** Giving back has this time even when the grace is shorter: a claim that is not given back counts as an attempt. */
const LEAST_GIVE_BACK_MS = 1_000

/**
 * Decides which lanes may be claimed, gives room to claimed lanes, and runs each lane to its end.
 *
 * A lane belongs to one `LaneRun` at a time: the store gives it to one owner at a time, and gets it back with the
 * last write of the run. Order per lane follows from that alone.
 */
export class Dispatcher {
  readonly #deps: DispatcherDeps
  readonly #laneDeps: LaneRunDeps
  /** Waits of the claim loop and of writes to a store that does not answer. */
  readonly #waits: Sleeper
  readonly #sends: Sleeper
  readonly #lanes = new ClaimedLanes()
  readonly #room: RunRoom<LaneRun>
  readonly #urgent: Readonly<Record<Executor, UrgentClaims>>
  readonly #claims: ClaimLoop
  /** Runs that an offer may begin. */
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
      onStage: (lane, before) => this.#room.load(lane.executor).moved(lane, before),
      onRunEnded: (executor, ms) => this.#onRunEnded(executor, ms),
    })
    this.#urgent = byExecutor(() => this.#makeUrgent())
    this.#room = new RunRoom({ ...deps, urgent: (executor) => this.#urgent[executor].count })
    const { inbox, owner, pollMs, storeBackoff, random } = deps
    this.#claims = new ClaimLoop({
      inbox,
      owner,
      pollMs,
      storeBackoff,
      sleeper: this.#waits,
      random,
      demand: () => this.#room.demand(this.#slotsOffered),
      begin: (item) => this.#begin(item),
      fillRoom: () => this.#fillRoom(),
    })
  }

  /** Claimed events that wait for room. */
  get waitingCount(): number {
    return this.#room.waitingCount
  }

  /** Number of lanes that are claimed and not given back yet. */
  get laneCount(): number {
    return this.#lanes.count
  }

  start(): void {
    if (this.#phase !== 'idle') return
    this.#phase = 'running'
    this.#claims.start()
  }

  /**
   * Runs a stored event before all others, in room that other events do not get. False if nothing runs now.
   * Then, and when its claim fails, the event is an ordinary one.
   */
  runNow(botId: string, eventId: number): boolean {
    if (this.#phase !== 'running') return false
    this.#urgent[executorOf(this.#deps.handlers.of(botId))].add(eventId)
    this.#fillRoom()
    return true
  }

  /**
   * Returns the claim order that the intake may use in its insert. Undefined while older work is due, and when there
   * is no room. The intake reports back with `arrived`.
   */
  offer(): ArrivalOrder | undefined {
    if (this.#phase !== 'running' || this.#claims.hasMoreDue) return undefined
    const order = this.#room.demand(this.#slotsOffered)
    this.#slotsOffered = order.limit
    return order.limit === 0 ? undefined : { owner: this.#deps.owner, ...order, isBusy: this.#lanes.isBusy }
  }

  /**
   * Takes the report of the intake: `events` were committed, and `claimed` were claimed with them. Without `events`
   * the outcome of a failed insert is unknown, so the claim loop looks for work. An event of a busy lane is claimed
   * when the run of that lane ends.
   */
  arrived(events?: readonly NewEvent[], claimed: readonly ClaimedEvent[] = []): void {
    this.#slotsOffered = 0
    if (claimed.length > 0) crashPoint('claim.after')
    for (const event of claimed) this.#begin(event)
    this.#fillRoom()
    const lanes = events?.map(({ botId, event }) => this.#lanes.of(botId, event.lane))
    for (const lane of lanes ?? []) lane?.expectMore()
    if (lanes === undefined || lanes.includes(undefined)) this.wake()
  }

  /** Wakes the claim loop: there may be work to claim. */
  wake(): void {
    this.#claims.wake()
  }

  /** Wakes the claim loop even from the wait after a failed claim: the store can be reached again. */
  resume(): void {
    this.#claims.resume()
  }

  /**
   * Ends claiming and waits for handlers and sends. What has not ended by `graceMs` less the time for giving back is
   * cut short and given back uncounted. Resolves within `graceMs`, or within `graceMs` / 2 + 1 s if that is longer,
   * even if the store does not answer: claims that could not be given back are freed with the owner's lease.
   */
  stop(graceMs: number): Promise<void> {
    this.#stopping ??= this.#stop(graceMs)
    return this.#stopping
  }

  async #stop(graceMs: number): Promise<void> {
    this.#phase = 'draining'
    this.#claims.stop()
    this.#fillRoom()
    const giveBackMs = Math.min(GIVE_BACK_MS, graceMs / 2)
    await this.#waits.within(graceMs - giveBackMs, this.#allDone())
    this.#phase = 'aborting'
    this.#sends.close()
    const closed = EXECUTORS.map((executor) => this.#deps.executors[executor].close(0))
    await this.#waits.within(Math.max(LEAST_GIVE_BACK_MS, giveBackMs), Promise.all([this.#allDone(), ...closed]))
    this.#phase = 'stopped'
    this.#waits.close()
  }

  async #allDone(): Promise<void> {
    await this.#claims.ended()
    await Promise.all(EXECUTORS.map((executor) => this.#urgent[executor].idle()))
    await this.#lanes.allDone()
  }

  /** Gives free room away, to urgent events first. */
  #fillRoom(): void {
    // While stopping, waiting lanes run on to release their claims.
    if (this.#phase !== 'running') return [...this.#lanes].forEach((lane) => lane.start())
    for (const executor of EXECUTORS) {
      const urgent = this.#urgent[executor]
      if (urgent.hasWaiting) urgent.fill(this.#room.urgent(executor, this.#claims.slotsBeingClaimed))
      for (let lane = this.#room.next(executor); lane !== undefined; lane = this.#room.next(executor)) lane.start()
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
    this.#room.load(lane.executor).add(lane)
    const done = lane.run().finally(() => {
      this.#lanes.delete(lane)
      this.#room.load(lane.executor).delete(lane)
      if (lane.mayHaveMore || this.#claims.hasMoreDue) this.wake()
      else void this.#claims.wakeSoon()
    })
    this.#lanes.add(lane, done)
    return lane
  }

  #onRunEnded(executor: Executor, ms: number): void {
    this.#room.ran(executor, ms)
    if (this.#claims.hasMoreDue) this.wake()
    else this.#fillRoom()
  }
}
