import { type BackoffPolicy, backoffDelayMs } from '../../../src/core/time/backoff.ts'
import type { Clock } from '../../../src/core/time/clock.ts'
import { crashPoint } from '../../../src/core/crash-point.ts'
import { deferred } from '../../../src/core/time/deferred.ts'
import { type ErrorRecord, FeishuSupervisorError, toErrorRecord } from '../../../src/core/errors.ts'
import type { Store } from '../../../src/store/store.ts'

export interface StoreSessionDeps {
  open(): Promise<Store>
  /** Called with the opened store. If it rejects, the opening counts as failed. */
  opened(store: Store): Promise<void>
  /** Reports that the database became usable or unusable, or that its error code changed. */
  changed(ready: boolean, error: ErrorRecord | undefined): void
  /** Reports that work of dead instances was freed. */
  rescued(): void
  readonly instanceId: string
  readonly supersedes: string | undefined
  readonly leaseMs: number
  readonly clock: Clock
  readonly random: () => number
}

const REOPEN: BackoffPolicy = { firstMs: 200, maxMs: 5_000, factor: 2, jitter: 0.2 }

/** Longest time between two renewals of the lease, milliseconds. Each renewal also checks whether the database answers. */
const MOST_TICK_MS = 2_000

/** Longest wait of a stop for the mark that this instance drains, milliseconds. */
const MOST_DRAIN_MS = 200

/**
 * Keeps the store open. Retries for ever while the database is away, renews the lease of this instance, and frees the
 * work of instances whose lease ran out.
 */
export class StoreSession {
  readonly #deps: StoreSessionDeps
  #store: Store | undefined
  #isReady = false
  #error: ErrorRecord | undefined
  #isDraining = false
  #isClosed = false
  #cancelTimer: () => void = () => {}
  #ticking: Promise<void> = Promise.resolve()

  constructor(deps: StoreSessionDeps) {
    this.#deps = deps
  }

  get store(): Store | undefined {
    return this.#store
  }

  get status(): { readonly ready: boolean; readonly error?: ErrorRecord } {
    return { ready: this.#isReady, ...(this.#error === undefined ? {} : { error: this.#error }) }
  }

  /** Opens the store. Resolves also while the database is away, and then retries. Rejects for errors that an operator has to mend. */
  async start(): Promise<void> {
    try {
      await this.#open()
    } catch (thrown) {
      if (!(thrown instanceof FeishuSupervisorError) || thrown.code !== 'STORE_UNAVAILABLE') throw thrown
      this.#reopenLater(1)
    }
  }

  /**
   * Stores that this instance drains, so that its end is no death, whatever ends it. Never rejects. If the store does
   * not answer within 200 ms, it resolves and the stop goes on; the renewals until `close` then try again.
   */
  async drain(): Promise<void> {
    const { clock, instanceId, leaseMs } = this.#deps
    this.#isDraining = true
    const stored = this.#store?.instances.renew(instanceId, leaseMs, true).then(
      () => crashPoint('drain.after'),
      () => {},
    )
    const overdue = deferred()
    const cancel = clock.after(MOST_DRAIN_MS, overdue.resolve)
    await Promise.race([stored, overdue.promise])
    cancel()
  }

  /** Ends the lease of this instance, so that its work is free at once, and closes the store. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelTimer()
    await this.#ticking
    const store = this.#store
    if (store === undefined) return
    await store.instances.release(this.#deps.instanceId).catch(() => {
      // The lease then expires on its own.
    })
    await store.close()
  }

  async #open(): Promise<void> {
    const { open, opened, instanceId, supersedes, leaseMs } = this.#deps
    try {
      const store = await open()
      try {
        await store.instances.renew(instanceId, leaseMs, this.#isDraining)
        // The folder lock of the embedded database proves that all other owners are dead.
        await store.instances.rescue(instanceId, store.kind === 'pglite', supersedes)
        this.#store = store
        await opened(store)
      } catch (thrown) {
        this.#store = undefined
        await store.close()
        throw thrown
      }
      this.#setReady(undefined)
      this.#tickLater()
    } catch (thrown) {
      this.#setReady(toErrorRecord(thrown))
      throw thrown
    }
  }

  #reopenLater(attempt: number): void {
    const { clock, random } = this.#deps
    if (this.#isClosed) return
    this.#cancelTimer = clock.after(backoffDelayMs(attempt, REOPEN, random()), () => {
      this.#ticking = this.#open().catch(() => this.#reopenLater(attempt + 1))
    })
  }

  #tickLater(): void {
    const { clock, leaseMs } = this.#deps
    if (this.#isClosed) return
    this.#cancelTimer = clock.after(Math.min(leaseMs / 3, MOST_TICK_MS), () => {
      this.#ticking = this.#tick().finally(() => this.#tickLater())
    })
  }

  async #tick(): Promise<void> {
    const { instanceId, leaseMs, rescued } = this.#deps
    try {
      await this.#store?.instances.renew(instanceId, leaseMs, this.#isDraining)
      const freed = await this.#store?.instances.rescue(instanceId, false)
      this.#setReady(undefined)
      if (freed !== undefined && freed.rescued > 0) rescued()
    } catch (thrown) {
      this.#setReady(toErrorRecord(thrown))
    }
  }

  #setReady(error: ErrorRecord | undefined): void {
    const isReady = error === undefined
    const hasChanged = isReady !== this.#isReady || error?.code !== this.#error?.code
    this.#isReady = isReady
    this.#error = error
    if (hasChanged) this.#deps.changed(isReady, error)
  }
}
