import { type BotHandlers, type Executor, executorOf, EXECUTORS } from '../handle/bot-handlers.ts'
import type { HandlerPool } from '../pool/handler-pool.ts'
import { type Demand, type DemandLimits, demand, type ExecutorDemand, type ExecutorRoom, nextLane } from './demand.ts'
import { type BusyLane, LaneLoad } from './lane-load.ts'
import { Prefetch } from './prefetch.ts'

export interface RunRoomDeps extends DemandLimits {
  /** Where handlers run. */
  readonly executors: Readonly<Record<Executor, HandlerPool>>
  readonly handlers: BotHandlers
  /** Threads of the pool. */
  readonly threads: number
  /** Returns how many urgent events are being claimed for the executor. */
  readonly urgent: (executor: Executor) => number
}

/** A sixteenth of the room is for card actions: only they have a user who waits at the screen. */
const RESERVED_PART = 16

/** Knows how much room each executor has, and which claimed lanes use it. */
export class RunRoom<Lane extends BusyLane> {
  readonly #deps: RunRoomDeps
  readonly #load = byExecutor(() => new LaneLoad<Lane>())
  readonly #prefetch = new Prefetch()

  constructor(deps: RunRoomDeps) {
    this.#deps = deps
  }

  /** Claimed events that wait for room. */
  get waitingCount(): number {
    return EXECUTORS.reduce((sum, executor) => sum + this.#load[executor].waiting, 0)
  }

  load(executor: Executor): LaneLoad<Lane> {
    return this.#load[executor]
  }

  /** A run has ended; `ms` is its time. */
  ran(executor: Executor, ms: number): void {
    if (executor === 'pool') this.#prefetch.ran(ms)
  }

  /**
   * Returns what to claim now. Suspects are claimed with the other events of their bots, and wait for room in the
   * executor `process`; so it counts only if handlers run there as a rule. `offered`: runs that an offer may begin.
   */
  demand(offered: number): Demand {
    const { handlers, lanesPerBot, maxBatch } = this.#deps
    const executors = EXECUTORS.filter((executor) => handlers.isUsed(executor)).map((executor) => {
      const { load, room } = this.#of(executor)
      return { load, room: { ...room, promised: room.promised + offered } }
    })
    return demand(executors, { lanesPerBot, maxBatch })
  }

  /** Returns how many urgent events may begin, while a claim may begin `claiming` ordinary ones. */
  urgent(executor: Executor, claiming: number): number {
    const { load, room } = this.#of(executor)
    const free = room.capacity - load.running
    return free - Math.min(claiming, Math.max(0, free - room.reserved))
  }

  /** Returns the waiting lane that gets room of the executor now. */
  next(executor: Executor): Lane | undefined {
    return this.#load[executor].waiting === 0 ? undefined : nextLane(this.#of(executor))
  }

  #of(executor: Executor): ExecutorDemand<Lane> & { readonly room: ExecutorRoom } {
    const { handlers, executors, threads, urgent } = this.#deps
    const { capacity } = executors[executor]
    // With room for a single run nothing can be reserved.
    const isReserving = capacity > 1 && handlers.handlesCards(executor)
    return {
      load: this.#load[executor],
      room: {
        capacity,
        reserved: isReserving ? Math.ceil(capacity / RESERVED_PART) : 0,
        promised: urgent(executor),
        // Others get no prefetched events: their runs are few and long.
        ahead: executor === 'pool' ? this.#prefetch.limit(Math.min(threads, capacity)) : 0,
        botIds: () => handlers.botIdsOf(executor),
        ...(executor === 'process' && { isOwn: (botId: string) => executorOf(handlers.of(botId)) === 'process' }),
      },
    }
  }
}

export function byExecutor<T>(make: () => T): Readonly<Record<Executor, T>> {
  return { pool: make(), exclusive: make(), process: make(), host: make() }
}
