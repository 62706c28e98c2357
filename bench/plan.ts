/** How long and how often everything is measured. */
export interface Plan {
  readonly name: 'full' | 'quick' | 'smoke'
  /** Interleaved: every subject once, then every subject again. Ratios are taken repeat by repeat. */
  readonly repeats: number
  /** Of each single part. */
  readonly microMs: number
  /** Under load before anything is measured, for every party alike: code that hardly ever ran is slow. */
  readonly heatMs: number
  /** Of each load, not counted. */
  readonly warmupMs: number
  readonly latencyMs: number
  readonly throughputMs: number
  readonly neighbourMs: number
  /** Also a crash loop with hardly a wait between restarts, which is not judged. */
  readonly hasHastyRestarts: boolean
  /** Of each load beside slow handlers. */
  readonly slowMs: number
  /** What one of the slow handlers waits, as for a model. */
  readonly waitMs: number
  /** One message each at the same time, over ten bots; and twice as many over twice as many bots. */
  readonly burstChats: number
  readonly growthMs: number
  readonly growthRates: readonly number[]
  /** Bots of the big world. */
  readonly manyBots: number
  readonly coldStarts: number
  /** The host's thread is blocked for this time, and free for as long. */
  readonly blockedMs: number
}

export const PLANS: Readonly<Record<Plan['name'], Plan>> = {
  full: {
    name: 'full',
    repeats: 3,
    microMs: 400,
    heatMs: 10_000,
    warmupMs: 1_500,
    latencyMs: 10_000,
    throughputMs: 6_000,
    neighbourMs: 8_000,
    hasHastyRestarts: true,
    slowMs: 10_000,
    waitMs: 3_000,
    burstChats: 500,
    growthMs: 6_000,
    growthRates: [50, 100, 200, 400, 800],
    manyBots: 50,
    coldStarts: 3,
    blockedMs: 4_000,
  },
  quick: {
    name: 'quick',
    repeats: 2,
    microMs: 40,
    heatMs: 2_000,
    warmupMs: 500,
    latencyMs: 2_200,
    throughputMs: 1_200,
    neighbourMs: 1_500,
    hasHastyRestarts: false,
    slowMs: 4_000,
    waitMs: 3_000,
    burstChats: 500,
    growthMs: 1_200,
    growthRates: [50, 200, 400],
    manyBots: 50,
    coldStarts: 1,
    blockedMs: 1_500,
  },
  /** Shows only that the harness works. */
  smoke: {
    name: 'smoke',
    repeats: 1,
    microMs: 20,
    heatMs: 100,
    warmupMs: 100,
    latencyMs: 300,
    throughputMs: 200,
    neighbourMs: 300,
    hasHastyRestarts: true,
    slowMs: 500,
    waitMs: 300,
    burstChats: 20,
    growthMs: 200,
    growthRates: [50],
    manyBots: 3,
    coldStarts: 2,
    blockedMs: 200,
  },
}
