import type { Executor } from '../handle/bot-handlers.ts'

/** A claimed lane that is in work. */
export interface BusyLane {
  readonly botId: string
  readonly executor: Executor
  /**
   * `waiting`: waits for room in its executor. `running`: its handler runs. `delivering`: waits for the store and for
   * Feishu.
   */
  readonly stage: 'waiting' | 'running' | 'delivering'
}

/** The lanes of one bot in one executor. */
export interface BotLoad<Lane> {
  readonly running: number
  readonly delivering: number
  /** In the order in which they were claimed. */
  readonly waiting: ReadonlySet<Lane>
}

/** The lanes of one executor. `bots` holds the bots that have any. */
export interface ExecutorLoad<Lane> {
  readonly running: number
  readonly waiting: number
  /** Bots with a run. */
  readonly activeBots: number
  readonly bots: ReadonlyMap<string, BotLoad<Lane>>
  /** Bots with a lane that waits. */
  readonly waitingBots: ReadonlySet<string>
}

interface Counted<Lane> extends BotLoad<Lane> {
  running: number
  delivering: number
  readonly waiting: Set<Lane>
}

/** Counts the lanes of one executor. A change costs the same, however many lanes there are. */
export class LaneLoad<Lane extends BusyLane> implements ExecutorLoad<Lane> {
  readonly #bots = new Map<string, Counted<Lane>>()
  readonly #waitingBots = new Set<string>()
  #running = 0
  #waiting = 0
  #activeBots = 0

  get running(): number {
    return this.#running
  }

  get waiting(): number {
    return this.#waiting
  }

  get activeBots(): number {
    return this.#activeBots
  }

  get bots(): ReadonlyMap<string, BotLoad<Lane>> {
    return this.#bots
  }

  get waitingBots(): ReadonlySet<string> {
    return this.#waitingBots
  }

  add(lane: Lane): void {
    this.#count(lane, lane.stage, 1)
  }

  /** The lane was in the stage `before`. */
  moved(lane: Lane, before: BusyLane['stage']): void {
    this.#count(lane, lane.stage, 1)
    this.#count(lane, before, -1)
  }

  delete(lane: Lane): void {
    this.#count(lane, lane.stage, -1)
  }

  #count(lane: Lane, stage: BusyLane['stage'], by: 1 | -1): void {
    const { botId } = lane
    const bot = this.#bots.get(botId) ?? { running: 0, delivering: 0, waiting: new Set<Lane>() }
    this.#bots.set(botId, bot)
    if (stage === 'waiting') this.#countWaiting(lane, bot, by)
    else bot[stage] += by
    if (stage === 'running') {
      this.#running += by
      if (bot.running === (by === 1 ? 1 : 0)) this.#activeBots += by
    }
    if (bot.running + bot.delivering + bot.waiting.size === 0) this.#bots.delete(botId)
  }

  #countWaiting(lane: Lane, { waiting }: Counted<Lane>, by: 1 | -1): void {
    this.#waiting += by
    if (by === 1) waiting.add(lane)
    else waiting.delete(lane)
    if (waiting.size === 0) this.#waitingBots.delete(lane.botId)
    else this.#waitingBots.add(lane.botId)
  }
}
