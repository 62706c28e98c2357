import type { Executor } from '../handle/bot-handlers.ts'

/** A claimed lane that is in work. */
export interface BusyLane {
  readonly botId: string
  readonly executor: Executor
  /**
   * `waiting`: waits for a thread. `handling`: uses a thread of its executor. `delivering`: waits for the store and
   * for Feishu.
   */
  readonly stage: 'waiting' | 'handling' | 'delivering'
}

/** Threads of an executor that ordinary events may use. */
export interface ExecutorThreads {
  readonly executor: Executor
  /** Most runs at a time. */
  readonly threads: number
  /** Threads kept free for urgent events. Default 0. */
  readonly reserved?: number
  /** Threads promised to urgent events that are being claimed. Default 0. */
  readonly promised?: number
}

export interface ExecutorLimits extends ExecutorThreads {
  /** Most claimed events that wait for a thread. Default 0. */
  readonly ahead?: number
  /** Returns the bots whose handler runs here. Called only when they have to wait. */
  readonly botIds: () => readonly string[]
}

export interface DemandLimits {
  readonly executors: readonly ExecutorLimits[]
  /** Most busy lanes of one bot at a time. */
  readonly lanesPerBot: number
}

export interface Demand {
  readonly limit: number
  /** Most lanes to claim for one bot. */
  readonly perBot: number
  /** Limits of bots that already hold lanes, or whose executor is full, by bot id. 0 skips the bot. */
  readonly perBotLimits: Readonly<Record<string, number>>
}

/**
 * Computes what to claim next: events for the free threads, whichever executor they run in, and `ahead` more. A
 * limit of 0 means: wait until a run ends. An executor without a free thread holds up only its own bots.
 */
export function demand(lanes: Iterable<BusyLane>, { executors, lanesPerBot }: DemandLimits): Demand {
  const busy = [...lanes]
  const demands = executors.map((limits) => ({
    limits,
    ...demandOf(
      busy.filter(({ executor }) => executor === limits.executor),
      limits,
      lanesPerBot,
    ),
  }))
  const open = demands.filter(({ limit }) => limit > 0)
  if (open.length === 0) return { limit: 0, perBot: 0, perBotLimits: {} }
  const perBotLimits = demands.map(({ limit, perBotLimits: own, limits }) =>
    limit > 0 ? own : Object.fromEntries(limits.botIds().map((botId) => [botId, 0])),
  )
  return {
    limit: Math.min(...open.map(({ limit }) => limit)),
    perBot: Math.min(...open.map(({ perBot }) => perBot)),
    perBotLimits: Object.assign({}, ...perBotLimits) as Record<string, number>,
  }
}

/**
 * Computes the demand of one executor. Rules:
 * 1. A single active bot gets all threads but one. That thread stays free for a bot that wakes up.
 * 2. With several active bots, each gets at most half.
 * 3. A bot whose replies are stuck gets no new work. Other bots still do.
 * 4. Reserved threads are for card actions only.
 * 5. Events that wait because their bot has its share take no free thread from other bots.
 */
function demandOf(lanes: readonly BusyLane[], limits: ExecutorLimits, lanesPerBot: number): Demand {
  const bots = new Map<string, Record<BusyLane['stage'], number>>()
  const total = { waiting: 0, handling: 0, delivering: 0 }
  for (const { botId, stage } of lanes) {
    const bot = bots.get(botId) ?? { waiting: 0, handling: 0, delivering: 0 }
    bots.set(botId, bot)
    bot[stage] += 1
    total[stage] += 1
  }
  const activeBots = [...bots.values()].filter((bot) => bot.handling > 0).length
  const { threads, reserved = 0, promised = 0, ahead = 0 } = limits
  const share = threadShare(threads - reserved + ahead, activeBots)
  const perBotLimits: Record<string, number> = {}
  for (const [botId, { waiting, handling, delivering }] of bots) {
    const claimed = waiting + handling
    perBotLimits[botId] = Math.max(0, Math.min(share - claimed, lanesPerBot - claimed - delivering))
  }
  const free = threads - reserved - total.handling - promised
  const limit = Math.max(0, free) + Math.max(0, ahead - total.waiting)
  return { limit, perBot: Math.min(share, lanesPerBot), perBotLimits }
}

/** Returns the most threads that one bot may use. */
export function threadShare(threads: number, activeBots: number): number {
  const share = activeBots <= 1 ? threads - 1 : Math.min(threads - 1, Math.ceil(threads / 2))
  return Math.max(1, share)
}

/**
 * Picks the waiting lanes that get a thread of the executor now. Lanes of the bot with the fewest threads come first;
 * otherwise their order is kept.
 */
export function nextLanes<Lane extends BusyLane>(
  lanes: Iterable<Lane>,
  { executor, threads, reserved = 0, promised = 0 }: ExecutorThreads,
): Lane[] {
  const handling = new Map<string, number>()
  const waiting: Lane[] = []
  let free = threads - reserved - promised
  for (const lane of lanes) {
    if (lane.executor !== executor) continue
    if (lane.stage === 'waiting') waiting.push(lane)
    if (lane.stage !== 'handling') continue
    free -= 1
    handling.set(lane.botId, threadsOf(lane) + 1)
  }
  const started: Lane[] = []
  for (; free > 0 && waiting.length > 0; free -= 1) {
    const next = waiting.reduce((best, lane) => (threadsOf(lane) < threadsOf(best) ? lane : best))
    if (threadsOf(next) >= threadShare(threads - reserved, 1)) break
    started.push(next)
    waiting.splice(waiting.indexOf(next), 1)
    handling.set(next.botId, threadsOf(next) + 1)
  }
  return started

  function threadsOf({ botId }: Lane): number {
    return handling.get(botId) ?? 0
  }
}
