import { type Assumptions, DEFAULT_ASSUMPTIONS } from './shared/assumptions.ts'
import { type ClientConfig, DEFAULT_CLIENT_CONFIG } from './gateway/client-config.ts'
import { DEFAULT_RATE_LIMITS, type RateLimits } from './shared/rate-limits.ts'

export interface SimulatorOptions {
  /** Factor of the waits before redeliveries (15 s, 5 min, 1 h, 6 h). Default 1. */
  readonly timeScale?: number
  /** Time to acknowledge a push, milliseconds; not scaled. Default 3000 [D]. */
  readonly ackDeadlineMs?: number
  /** Settings for clients in seconds, fractions allowed. Default 120, 120, 30, -1 [F]. */
  readonly clientConfig?: Partial<ClientConfig>
  /** Seed of the choice among several connections for an event. Default 1. */
  readonly seed?: number
  /** Event payloads above this size are fragmented, bytes. Default 65536; the platform's own limit is unknown [A]. */
  readonly fragmentBytes?: number
  /** Rate limits of bots. Default 5 per second and chat, 50 per second and app [D]. 0: no limit. */
  readonly limits?: Partial<RateLimits>
  /** Choices for unknown behaviours of the platform. Default: see `Assumptions`. */
  readonly assumptions?: Partial<Assumptions>
}

export interface ResolvedSimulatorOptions extends Required<SimulatorOptions> {
  readonly clientConfig: ClientConfig
  readonly limits: RateLimits
  readonly assumptions: Assumptions
}

export function resolveSimulatorOptions(options: SimulatorOptions): ResolvedSimulatorOptions {
  return {
    timeScale: 1,
    ackDeadlineMs: 3000,
    seed: 1,
    fragmentBytes: 65_536,
    ...options,
    clientConfig: { ...DEFAULT_CLIENT_CONFIG, ...options.clientConfig },
    limits: { ...DEFAULT_RATE_LIMITS, ...options.limits },
    assumptions: { ...DEFAULT_ASSUMPTIONS, ...options.assumptions },
  }
}
