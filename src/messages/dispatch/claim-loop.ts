import { type BackoffPolicy, backoffDelayMs } from '../../core/time/backoff.ts'
import { crashPoint } from '../../core/crash-point.ts'
import type { Claimed, ClaimResult, InboxStore } from '../../store/store.ts'
import type { Wait, Sleeper } from '../writes/sleeper.ts'
import type { Demand } from './demand.ts'

export interface ClaimLoopDeps {
  readonly inbox: Pick<InboxStore, 'claim'>
  /** Names this supervisor thread in every claim. */
  readonly owner: string
  /** The inbox is looked at this often even if nothing called for it. */
  readonly pollMs: number
  readonly storeBackoff: BackoffPolicy
  readonly sleeper: Sleeper
  /** In [0, 1). */
  readonly random: () => number
  /** What there is room for now. */
  readonly demand: () => Demand
  readonly begin: (item: Claimed) => void
  /** Gives free threads to those who wait for one. */
  readonly fillThreads: () => void
}

/** Where the loop is. */
type LoopState =
  /** Not started, or stopped. */
  | { readonly name: 'off' }
  /** A claim is on its way, and may fill so many threads. */
  | { readonly name: 'claiming'; readonly slots: number; readonly wokenDuringClaim: boolean }
  /** Nothing more is due now; a wake ends it. */
  | { readonly name: 'pausing'; readonly wait: Wait }
  /** The store did not answer, and is left alone however much work waits; only `resume` ends it. */
  | { readonly name: 'backing_off'; readonly wait: Wait }

/** Lanes of bots that have their share may be due all the time; without a pause the loop would spin on them. */
const MIN_PAUSE_MS = 100

const CLAIMING: LoopState = { name: 'claiming', slots: 0, wokenDuringClaim: false }

/** Claims due lanes again and again, as far as there is room for them; in between it waits until it is woken. */
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

  /** More was due than the last claim could take, or it is not known. */
  get hasMoreDue(): boolean {
    return this.#hasMoreDue
  }

  /** Threads that a claim on its way may fill. */
  get slotsBeingClaimed(): number {
    return this.#state.name === 'claiming' ? this.#state.slots : 0
  }

  start(): void {
    this.#state = CLAIMING
    this.#ended = this.#run()
  }

  /** No further claim begins. */
  stop(): void {
    const before = this.#state
    this.#state = { name: 'off' }
    if ('wait' in before) before.wait.end()
  }

  /** Resolves when the loop has stopped and no claim is on its way. */
  ended(): Promise<void> {
    return this.#ended
  }

  /** There may be something to claim. */
  wake(): void {
    this.#deps.fillThreads()
    const state = this.#state
    if (state.name === 'claiming') this.#state = { ...state, wokenDuringClaim: true }
    else if (state.name === 'pausing') state.wait.end()
  }

  /** The store can be reached again: even the wait after a failed claim is over. */
  resume(): void {
    this.wake()
    if (this.#state.name === 'backing_off') this.#state.wait.end()
  }

  /** Nothing is known to wait; another instance may have put something into a lane, or an operator. */
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

  /** Answers how long to wait before the next claim, unless woken. */
  async #claim(): Promise<number> {
    const { inbox, owner, pollMs, storeBackoff, random, demand, begin, fillThreads } = this.#deps
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
      // The store that is handed to us says what is wrong with it.
      this.#failedClaims += 1
      await this.#wait('backing_off', backoffDelayMs(this.#failedClaims, storeBackoff, random()))
      return 0
    } finally {
      this.#setSlots(0)
      fillThreads()
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
