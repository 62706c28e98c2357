import { FeishuSupervisorError } from '../core/errors.ts'
import { type Assumptions, DEFAULT_ASSUMPTIONS } from './shared/assumptions.ts'
import { type ClientConfig, DEFAULT_CLIENT_CONFIG } from './gateway/client-config.ts'
import { DEFAULT_RATE_LIMITS, type RateLimits } from './shared/rate-limits.ts'

/** Options of `new FeishuSimulator`; all are optional. */
export interface SimulatorOptions {
  /** Multiplies the waits before an event is sent again (15 s, 5 min, 1 h, 6 h). Default: 1. */
  readonly timeScale?: number
  /** Time to acknowledge a push; `timeScale` does not change it [D]. Default: 3 000 ms. */
  readonly ackDeadlineMs?: number
  /** What the platform tells clients about pings and reconnects, in seconds, fractions allowed [F]. */
  readonly clientConfig?: Partial<ClientConfig>
  /** Decides at random, but the same for the same seed, which of several connections gets an event. Default: 1. */
  readonly seed?: number
  /** Event payloads above this size are sent in fragments; the platform's own limit is unknown [A]. Default: 65 536 bytes. */
  readonly fragmentBytes?: number
  /** How often bots may send [D]. */
  readonly limits?: Partial<RateLimits>
  /** Choices for unknown behaviours of the platform. Default: see `Assumptions`. */
  readonly assumptions?: Partial<Assumptions>
}

export interface ResolvedSimulatorOptions extends Required<SimulatorOptions> {
  readonly clientConfig: ClientConfig
  readonly limits: RateLimits
  readonly assumptions: Assumptions
}

const DEFAULTS: ResolvedSimulatorOptions = {
  timeScale: 1,
  ackDeadlineMs: 3000,
  clientConfig: DEFAULT_CLIENT_CONFIG,
  seed: 1,
  fragmentBytes: 65_536,
  limits: DEFAULT_RATE_LIMITS,
  assumptions: DEFAULT_ASSUMPTIONS,
}

const GROUPS = ['clientConfig', 'limits', 'assumptions'] as const

/** Throws `CONFIG_INVALID`, naming the option, for one that is not known: a typo would change nothing, silently. */
export function resolveSimulatorOptions(options: SimulatorOptions): ResolvedSimulatorOptions {
  refuseUnknown('', options, DEFAULTS)
  for (const group of GROUPS) refuseUnknown(`${group}.`, options[group] ?? {}, DEFAULTS[group])
  const { clientConfig, limits, assumptions } = DEFAULTS
  return {
    ...DEFAULTS,
    ...options,
    clientConfig: { ...clientConfig, ...options.clientConfig },
    limits: { ...limits, ...options.limits },
    assumptions: { ...assumptions, ...options.assumptions },
  }
}

function refuseUnknown(group: string, given: object, known: object): void {
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(known, name))
  if (unknown === undefined) return
  throw new FeishuSupervisorError(
    'CONFIG_INVALID',
    `${group}${unknown}: unknown option; known are ${Object.keys(known).join(', ')}`,
  )
}
