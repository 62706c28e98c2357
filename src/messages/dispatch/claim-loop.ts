import { type BackoffPolicy, backoffDelayMs } from '../../core/time/backoff.ts'
import { crashPoint } from '../../core/crash-point.ts'
import type { Claimed, ClaimResult, InboxStore } from '../../store/store.ts'
import type { Wait, Sleeper } from '../writes/sleeper.ts'
import type { Demand } from './demand.ts'

export interface ClaimLoopDeps {
  readonly inbox: Pick<InboxStore, 'claim'>
  /** Id of this supervisor thread, written into every claim. */
  readonly owner: string
  /** Longest time between two claims when nothing woke the loop. */
  readonly pollMs: number
  readonly storeBackoff: BackoffPolicy
  readonly sleeper: Sleeper
  /** Returns a number in [0, 1). */
  readonly random: () => number
  /** Returns what there is room for now. */
  readonly demand: () => Demand
  readonly begin: (item: Claimed) => void
  /** Gives free room to waiting lanes. */
  readonly fillRoom: () => void
}

/** State of the loop. */
type LoopState =
  /** Not started, or stopped. */
  | { readonly name: 'off' }
  /** A claim is running and may begin `slots` runs. */
  | { readonly name: 'claiming'; readonly slots: number; readonly wokenDuringClaim: boolean }
  /** No work is due now. `wake` ends this state. */
  | { readonly name: 'pausing'; readonly wait: Wait }
  /**
   * The store did not answer. No claim is sent, even if work waits. `resume` ends this state early; `wake` does not.
   */
  | { readonly name: 'backing_off'; readonly wait: Wait }

/**
 * Shortest pause of the loop. Lanes of bots that have their share may be due all the time; without a pause the loop
 * would spin on them.
 */
const MIN_PAUSE_MS = 100

const CLAIMING: LoopState = { name: 'claiming', slots: 0, wokenDuringClaim: false }

/** Claims due lanes again and again, while there is room for them. Between two claims the loop pauses or is woken. */
export class ClaimLoop {
  readonly #deps: ClaimLoopDeps
  #state: LoopState = { name: 'off' }
  #ended: Promise<void> = Promise.resolve()
  #failedClaims = 0
  #hasMoreDue = true
  #isWakeScheduled = false

  constructor(deps: ClaimLoopDeps) {
    this.#deps = deps
  }

  /** True when more was due than the last claim could take, or when that is not known. */
  get hasMoreDue(): boolean {
    return this.#hasMoreDue
  }

  /** Runs that the running claim may begin. */
  get slotsBeingClaimed(): number {
    return this.#state.name === 'claiming' ? this.#state.slots : 0
  }

  start(): void {
    this.#state = CLAIMING
    this.#ended = this.#run()
  }

  /** Stops the loop: no further claim begins. */
  stop(): void {
    const before = this.#state
    this.#state = { name: 'off' }
    if ('wait' in before) before.wait.end()
  }

  /** Resolves when the loop has stopped and no claim is running. */
  ended(): Promise<void> {
    return this.#ended
  }

  /** Fills free room and ends a pause: there may be work to claim. */
  wake(): void {
    this.#deps.fillRoom()
    const state = this.#state
    if (state.name === 'claiming') this.#state = { ...state, wokenDuringClaim: true }
    else if (state.name === 'pausing') state.wait.end()
  }

  /** Wakes the loop and also ends the wait after a failed claim: the store can be reached again. */
  resume(): void {
    this.wake()
    if (this.#state.name === 'backing_off') this.#state.wait.end()
  }

  /** Wakes the loop after a short pause. No work is known, but another instance or an operator may have added some. */
  async wakeSoon(): Promise<void> {
    if (this.#isWakeScheduled) return
    this.#isWakeScheduled = true
    await this.#deps.sleeper.wait(MIN_PAUSE_MS).over
    this.#isWakeScheduled = false
    this.wake()
  }

  async #run(): Promise<void> {
    while (this.#state.name !== 'off') {
      this.#state = CLAIMING
      const pauseMs = await this.#claim()
      if (pauseMs > 0 && !this.#wasWoken()) await this.#wait('pausing', pauseMs)
    }
  }

  /** Returns the pause before the next claim in milliseconds. A wake ends the pause. */
  async #claim(): Promise<number> {
    const { inbox, owner, pollMs, storeBackoff, random, demand, begin, fillRoom } = this.#deps
    const { limit, perBot, perBotLimits } = demand()
    this.#hasMoreDue = true
    if (limit === 0) return pollMs
    this.#setSlots(limit)
    try {
      const result = await inbox.claim({ owner, limit, perBot, perBotLimits })
      this.#failedClaims = 0
      this.#hasMoreDue = result.nextDueMs === 0 || Object.values(perBotLimits).includes(0)
      if (result.items.length > 0) crashPoint('claim.after')
      for (const item of result.items) begin(item)
      return pauseAfter(result, pollMs)
    } catch {
      // The store reports its own failures.
      this.#failedClaims += 1
      await this.#wait('backing_off', backoffDelayMs(this.#failedClaims, storeBackoff, random()))
      return 0
    } finally {
      this.#setSlots(0)
      fillRoom()
    }
  }

  async #wait(name: 'pausing' | 'backing_off', ms: number): Promise<void> {
    if (this.#state.name === 'off') return
    const wait = this.#deps.sleeper.wait(ms)
    this.#state = { name, wait }
    await wait.over
  }

  #wasWoken(): boolean {
    return this.#state.name === 'claiming' && this.#state.wokenDuringClaim
  }

  #setSlots(slots: number): void {
    if (this.#state.name === 'claiming') this.#state = { ...this.#state, slots }
  }
}

function pauseAfter({ items, nextDueMs }: ClaimResult, pollMs: number): number {
  if (items.length > 0 && nextDueMs === 0) return 0
  return Math.min(pollMs, Math.max(MIN_PAUSE_MS, nextDueMs ?? pollMs))
}
