import type { Executor } from '../handle/bot-handlers.ts'

/** A claimed lane that is being worked on. */
export interface BusyLane {
  readonly botId: string
  readonly executor: Executor
  /** `waiting` gets the next thread; `handling` uses one of its executor's threads; `delivering` waits for the store and for Feishu. */
  readonly stage: 'waiting' | 'handling' | 'delivering'
}

/** Threads of an executor that ordinary events may use. */
export interface ExecutorThreads {
  readonly executor: Executor
  /** Runs at a time. */
  readonly threads: number
  /** Threads kept free for events that cannot wait. Default 0. */
  readonly reserved?: number
  /** Threads promised to such events whose claim is on its way. Default 0. */
  readonly promised?: number
}

export interface ExecutorLimits extends ExecutorThreads {
  /** Events that may wait for a thread, claimed. Default 0. */
  readonly ahead?: number
  /** Bots whose handler runs here; asked for only where they have to wait. */
  readonly botIds: () => readonly string[]
}

export interface DemandLimits {
  readonly executors: readonly ExecutorLimits[]
  /** Lanes of one bot that may be busy at a time. */
  readonly lanesPerBot: number
}

export interface Demand {
  readonly limit: number
  /** Most lanes of one bot. */
  readonly perBot: number
  /** Of bots that have less room. */
  readonly perBotLimits: Readonly<Record<string, number>>
}

/**
 * What to claim next: what there are free threads for, wherever the claimed turns out to run, and `ahead` more.
 * A limit of 0 means: wait until something ends. An executor without a free thread holds up only its own bots.
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
 * A bot alone may use all threads but one, which stays free for a bot that wakes up; several share,
 * each at most half. A bot whose replies do not go out stops getting new work, others do not. None of
 * this reaches the reserved threads. What waits because its bot has its share keeps no free thread from others.
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

/** Most threads one bot may use. */
export function threadShare(threads: number, activeBots: number): number {
  const share = activeBots <= 1 ? threads - 1 : Math.min(threads - 1, Math.ceil(threads / 2))
  return Math.max(1, share)
}

/** The waiting lanes that get a thread of the executor now: those of the bot with the fewest first, and in their order. */
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
  const turns: Lane[] = []
  for (; free > 0 && waiting.length > 0; free -= 1) {
    const next = waiting.reduce((best, lane) => (threadsOf(lane) < threadsOf(best) ? lane : best))
    if (threadsOf(next) >= threadShare(threads - reserved, 1)) break
    turns.push(next)
    waiting.splice(waiting.indexOf(next), 1)
    handling.set(next.botId, threadsOf(next) + 1)
  }
  return turns

  function threadsOf({ botId }: Lane): number {
    return handling.get(botId) ?? 0
  }
}
