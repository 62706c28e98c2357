import {
  type FailNext,
  type FaultyCall,
  RATE_LIMITED,
  rateLimitHeaders,
  type Schedule,
  type SpoilNext,
  type Spoiling,
} from './fault.ts'
import { seededRandom } from '../shared/ids.ts'

/** Decision about one call. */
export type FaultVerdict =
  | { readonly kind: 'proceed'; readonly delayMs?: number }
  | { readonly kind: 'hang' }
  | { readonly kind: 'lose_answer' }
  | {
      readonly kind: 'fail'
      readonly http: number
      readonly code: number
      readonly msg: string
      readonly headers: Readonly<Record<string, string>>
    }

interface DefaultFailure {
  readonly http: number
  readonly code: number
  readonly msg: string
}

const DEFAULT_FAILURES: Partial<Record<FaultyCall, DefaultFailure>> = {
  discovery: { http: 200, code: 1, msg: 'system busy' },
  handshake: { http: 403, code: 514, msg: 'auth failed' },
  token: { http: 400, code: 10012, msg: 'get token fail' },
}

const INTERNAL_ERROR = { http: 500, code: 5000, msg: 'internal error' }

/** One planned fault and its remaining count. */
class Planned<F extends Schedule> {
  readonly fault: F
  readonly #random: () => number
  #toSkip: number
  #remaining: number

  constructor(fault: F) {
    this.fault = fault
    this.#random = seededRandom(fault.seed ?? 1)
    this.#toSkip = fault.skip ?? 0
    this.#remaining = fault.count ?? (fault.probability === undefined ? 1 : Number.POSITIVE_INFINITY)
  }

  get isUsedUp(): boolean {
    return this.#remaining <= 0
  }

  /** Whether the fault strikes this occurrence. */
  strikes(): boolean {
    if (this.#toSkip > 0) {
      this.#toSkip -= 1
      return false
    }
    const { probability } = this.fault
    if (probability !== undefined && this.#random() >= probability) return false
    this.#remaining -= 1
    return true
  }
}

/** Planned faults that are not used up, in the order of their orders. */
export class FaultPlan {
  #calls: Planned<FailNext>[] = []
  #frames: Planned<SpoilNext>[] = []
  readonly #onApplied: (call: FaultyCall | SpoilNext['target'], appId: string) => void

  constructor(onApplied: (call: FaultyCall | SpoilNext['target'], appId: string) => void) {
    this.#onApplied = onApplied
  }

  fail(fault: FailNext): void {
    this.#calls.push(new Planned(fault))
  }

  spoil(fault: SpoilNext): void {
    this.#frames.push(new Planned(fault))
  }

  clear(appId: string | undefined): void {
    const isKept = ({ fault }: Planned<Schedule>): boolean => appId !== undefined && fault.appId !== appId
    this.#calls = this.#calls.filter(isKept)
    this.#frames = this.#frames.filter(isKept)
  }

  /** Decides one call. */
  decide(call: FaultyCall, appId: string): FaultVerdict {
    const struck = this.#calls.find(({ fault }) => fault.call === call && isOf(fault, appId))
    if (struck?.strikes() !== true) return { kind: 'proceed' }
    this.#calls = this.#calls.filter(({ isUsedUp }) => !isUsedUp)
    this.#onApplied(call, appId)
    return verdictOf(struck.fault)
  }

  /** Decides whether and how one frame is spoiled. */
  spoilingOf(target: SpoilNext['target'], appId: string, connectionId: string): Spoiling | undefined {
    const struck = this.#frames.find(
      ({ fault }) =>
        fault.target === target &&
        isOf(fault, appId) &&
        (fault.connectionId === undefined || fault.connectionId === connectionId),
    )
    if (struck?.strikes() !== true) return undefined
    this.#frames = this.#frames.filter(({ isUsedUp }) => !isUsedUp)
    this.#onApplied(target, appId)
    return struck.fault
  }
}

function isOf(fault: Schedule, appId: string): boolean {
  return fault.appId === undefined || fault.appId === appId
}

function verdictOf(fault: FailNext): FaultVerdict {
  if ('hang' in fault) return { kind: 'hang' }
  if ('loseAnswer' in fault) return { kind: 'lose_answer' }
  if ('delayMs' in fault) return { kind: 'proceed', delayMs: fault.delayMs }
  const { retryAfterMs } = fault
  const defaults = retryAfterMs === undefined ? (DEFAULT_FAILURES[fault.call] ?? INTERNAL_ERROR) : RATE_LIMITED
  return {
    kind: 'fail',
    http: fault.http ?? defaults.http,
    code: fault.code ?? defaults.code,
    msg: fault.msg ?? defaults.msg,
    headers: retryAfterMs === undefined ? {} : rateLimitHeaders(retryAfterMs),
  }
}
