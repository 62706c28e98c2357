/** A bot's run was found to block its thread. */
export interface Sighting {
  readonly botId: string
  /** The same for all looks at a loop that has not turned in between. */
  readonly episode: string
  /** So long its runs have kept the loop from turning. */
  readonly blockedMs: number
}

interface Trace {
  /** When it was found, one per episode, of the last ten seconds. */
  readonly found: readonly { readonly episode: string; readonly at: number }[]
  readonly burnsUntil: number
}

/** Which bots burn CPU. */
export type Burning = ReadonlyMap<string, Trace>

const WINDOW_MS = 10_000

/** So many sightings within the window are no chance. */
const MOST_FOUND = 3

/** Longer than this once is enough. */
const LONG_MS = 150

const COOL_MS = 60_000

/** Notes a sighting. Pure. */
export function found(burning: Burning, { botId, episode, blockedMs }: Sighting, now: number): Burning {
  const before = burning.get(botId)
  const recent = (before?.found ?? []).filter((seen) => seen.at > now - WINDOW_MS && seen.episode !== episode)
  const seen = [...recent, { episode, at: now }]
  const burns = seen.length >= MOST_FOUND || blockedMs > LONG_MS || isBurning(burning, botId, now)
  return new Map(burning).set(botId, {
    found: seen.slice(-MOST_FOUND),
    burnsUntil: burns ? now + COOL_MS : 0,
  })
}

/** True until the bot has not been found for a minute. Pure. */
export function isBurning(burning: Burning, botId: string, now: number): boolean {
  return now < (burning.get(botId)?.burnsUntil ?? 0)
}

/** Forgets what says nothing any more. Pure. */
export function cooled(burning: Burning, now: number): Burning {
  const kept = [...burning].filter(
    ([, { found: seen, burnsUntil }]) => now < burnsUntil || seen.some(({ at }) => at > now - WINDOW_MS),
  )
  return kept.length === burning.size ? burning : new Map(kept)
}
