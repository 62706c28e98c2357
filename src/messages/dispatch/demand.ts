import type { ExecutorLoad } from './lane-load.ts'

/** Room of one executor. */
export interface ExecutorRoom {
  /** Most runs at a time. */
  readonly capacity: number
  /** Runs kept free for urgent events. */
  readonly reserved: number
  /** Runs promised to events that are being claimed. */
  readonly promised: number
  /** Most claimed events that wait for room. */
  readonly ahead: number
  /** Returns the known bots whose handler runs here. Called only when it matters. */
  readonly botIds: () => readonly string[]
  /**
   * False for a bot whose handler runs elsewhere and that only has suspects here: what is claimed for it is not decided
   * here. Default: all are its own.
   */
  readonly isOwn?: (botId: string) => boolean
}

export interface ExecutorDemand<Lane> {
  readonly load: ExecutorLoad<Lane>
  readonly room: ExecutorRoom
}

export interface DemandLimits {
  /** Most lanes of one bot that wait for the store or for Feishu. */
  readonly lanesPerBot: number
  /** Most lanes of one claim. */
  readonly maxBatch: number
}

export interface Demand {
  readonly limit: number
  /** Most lanes to claim for one bot. */
  readonly perBot: number
  /** Limits of bots that already hold lanes, or whose executor is full, by bot id. 0 skips the bot. */
  readonly perBotLimits: Readonly<Record<string, number>>
}

const NOTHING: Demand = { limit: 0, perBot: 0, perBotLimits: {} }

/**
 * Computes what to claim next, for all executors together. A limit of 0 means: wait until a run ends. An executor
 * without room holds up only its own bots.
 *
 * Rules:
 * 1. A bot without a run may claim one lane. There is room for it while fewer bots have runs than the capacity.
 * 2. Bots with runs share what is left when each known bot without a run has got one. See `spareOf`.
 * 3. A bot whose replies are stuck gets no new work. Other bots still do.
 * 4. Reserved room is for urgent events only.
 */
export function demand<Lane>(executors: readonly ExecutorDemand<Lane>[], limits: DemandLimits): Demand {
  const rooms = executors.map((executor) => ({ ...executor, open: openOf(executor) }))
  const limit = rooms.reduce((sum, { open }) => sum + open, 0)
  if (limit === 0) return NOTHING
  const perBotLimits: Record<string, number> = {}
  for (const { load, room, open } of rooms) {
    if (open > 0) shareOut({ load, room }, limits, perBotLimits)
    else for (const botId of room.botIds()) perBotLimits[botId] = 0
  }
  return { limit: Math.min(limit, limits.maxBatch), perBot: 1, perBotLimits }
}

/** Writes the limits of the bots that hold lanes. */
function shareOut<Lane>(
  executor: ExecutorDemand<Lane>,
  { lanesPerBot }: DemandLimits,
  limits: Record<string, number>,
): void {
  const { load, room } = executor
  const { isOwn = () => true } = room
  let budget = spareOf(executor) + aheadOf(executor)
  let sharers = load.activeBots
  const active: [botId: string, mostReplies: number][] = []
  for (const [botId, { running, waiting, delivering }] of load.bots) {
    if (!isOwn(botId)) continue
    const most = Math.max(0, lanesPerBot - delivering)
    if (running > 0) active.push([botId, most])
    else limits[botId] = waiting.size > 0 ? 0 : Math.min(1, most)
  }
  // When it is not enough for all, the bots with the fewest runs come first.
  if (budget < sharers) active.sort(([a], [b]) => runsOf(load, a) - runsOf(load, b))
  for (const [botId, most] of active) {
    const share = Math.min(most, Math.ceil(budget / sharers))
    limits[botId] = share
    budget -= share
    sharers -= 1
  }
}

/**
 * Returns the room that bots with runs may take: what is free, less one run for each known bot without a run. So a
 * bot without a run always begins its next message at once, unless as many bots have runs as there may be runs.
 */
export function spareOf<Lane>(executor: ExecutorDemand<Lane>): number {
  const free = freeOf(executor)
  return free === 0 ? 0 : Math.max(0, free - idleBotsOf(executor))
}

/** Returns the room for ordinary events. */
function freeOf<Lane>({ load, room }: ExecutorDemand<Lane>): number {
  return Math.max(0, room.capacity - room.reserved - room.promised - load.running)
}

function aheadOf<Lane>({ load, room }: ExecutorDemand<Lane>): number {
  return Math.max(0, room.ahead - load.waiting)
}

/** Returns how many lanes may be claimed. */
function openOf<Lane>(executor: ExecutorDemand<Lane>): number {
  return freeOf(executor) + aheadOf(executor)
}

function idleBotsOf<Lane>({ load, room }: ExecutorDemand<Lane>): number {
  return room.botIds().reduce((count, botId) => (runsOf(load, botId) === 0 ? count + 1 : count), 0)
}

function runsOf<Lane>(load: ExecutorLoad<Lane>, botId: string): number {
  return load.bots.get(botId)?.running ?? 0
}

/**
 * Returns the waiting lane that runs next. Undefined when none may. A lane of the bot with the fewest runs comes
 * first; lanes of one bot keep their order.
 */
export function nextLane<Lane>(executor: ExecutorDemand<Lane>): Lane | undefined {
  const { load } = executor
  if (load.waiting === 0 || freeOf(executor) === 0) return undefined
  let next: string | undefined
  for (const botId of load.waitingBots) {
    if (next === undefined || runsOf(load, botId) < runsOf(load, next)) next = botId
    if (runsOf(load, next) === 0) break
  }
  if (next === undefined || (runsOf(load, next) > 0 && spareOf(executor) === 0)) return undefined
  const [lane] = load.bots.get(next)?.waiting ?? []
  return lane
}
