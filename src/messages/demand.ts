/** Where handlers run: in the threads of the chat pool, or on the host's thread, a number of runs at a time. */
export type Place = 'pool' | 'host'

/** A claimed lane that is being worked on. */
export interface BusyLane {
  readonly botId: string
  readonly place: Place
  /** `handling` uses a thread of its place; `delivering` waits for the store and for Feishu. */
  readonly stage: 'handling' | 'delivering'
}

export interface PlaceLimits {
  readonly place: Place
  /** Runs at a time. */
  readonly threads: number
  /** Threads kept free for events that cannot wait. Default 0. */
  readonly reserved?: number
  /** Threads promised to such events whose claim is on its way. Default 0. */
  readonly promised?: number
  /** Bots whose handler runs here. */
  readonly botIds: readonly string[]
}

export interface DemandLimits {
  readonly places: readonly PlaceLimits[]
  /** Lanes of one bot that may be busy at a time. */
  readonly lanesPerBot: number
}

export interface Demand {
  readonly limit: number
  readonly excludeBotIds: readonly string[]
}

/**
 * What to claim next: never more than there are free threads, wherever the claimed turns out to run, and
 * never so much that one bot could get beyond its share even if everything claimed were its own. 0 means:
 * wait until something ends. A place without a free thread holds up only its own bots.
 */
export function demand(lanes: Iterable<BusyLane>, { places, lanesPerBot }: DemandLimits): Demand {
  const busy = [...lanes]
  const demands = places.map((limits) => ({
    limits,
    ...demandOf(
      busy.filter(({ place }) => place === limits.place),
      limits,
      lanesPerBot,
    ),
  }))
  const open = demands.filter(({ limit }) => limit > 0)
  return {
    limit: open.length === 0 ? 0 : Math.min(...open.map(({ limit }) => limit)),
    excludeBotIds: demands.flatMap(({ limit, excludeBotIds, limits }) => (limit > 0 ? excludeBotIds : limits.botIds)),
  }
}

/**
 * A bot alone may use all threads but one, which stays free for a bot that wakes up; several share,
 * each at most half. A bot whose replies do not go out stops getting new work, others do not. None of
 * this reaches the reserved threads.
 */
function demandOf(lanes: readonly BusyLane[], limits: PlaceLimits, lanesPerBot: number): Demand {
  const bots = new Map<string, { handling: number; delivering: number }>()
  let handling = 0
  for (const { botId, stage } of lanes) {
    const bot = bots.get(botId) ?? { handling: 0, delivering: 0 }
    bots.set(botId, bot)
    bot[stage] += 1
    if (stage === 'handling') handling += 1
  }
  const activeBots = [...bots.values()].filter((bot) => bot.handling > 0).length
  const { threads, reserved = 0, promised = 0 } = limits
  const share = threadShare(threads - reserved, activeBots)

  const excludeBotIds: string[] = []
  let limit = Math.min(threads - reserved - handling - promised, share, lanesPerBot)
  for (const [botId, bot] of bots) {
    const room = Math.min(share - bot.handling, lanesPerBot - bot.handling - bot.delivering)
    if (room <= 0) excludeBotIds.push(botId)
    else limit = Math.min(limit, room)
  }
  return { limit: Math.max(0, limit), excludeBotIds }
}

/** Most threads one bot may use. */
export function threadShare(threads: number, activeBots: number): number {
  const share = activeBots <= 1 ? threads - 1 : Math.min(threads - 1, Math.ceil(threads / 2))
  return Math.max(1, share)
}
