import { type BackoffPolicy, backoffDelayMs } from '../../../src/core/time/backoff.ts'
import type { Clock } from '../../../src/core/time/clock.ts'
import { type ErrorRecord, FeishuSupervisorError, toErrorRecord } from '../../../src/core/errors.ts'
import type { Store } from '../../../src/store/store.ts'

export interface StoreSessionDeps {
  open(): Promise<Store>
  /** Called once, with the first store that opens; what it throws counts as a failed opening. */
  opened(store: Store): Promise<void>
  /** The database became reachable or unreachable. */
  changed(ready: boolean, error: ErrorRecord | undefined): void
  /** Work of instances that are gone became free. */
  rescued(): void
  readonly instanceId: string
  readonly supersedes: string | undefined
  readonly leaseMs: number
  readonly clock: Clock
  readonly random: () => number
}

const REOPEN: BackoffPolicy = { firstMs: 200, maxMs: 5_000, factor: 2, jitter: 0.2 }

/** How often the lease is renewed and with it seen whether the database answers. */
const MOST_TICK_MS = 2_000

/**
 * Keeps the store open: retries for ever while the database is away, renews this instance's lease,
 * and frees the work of instances whose lease ran out.
 */
export class StoreSession {
  readonly #deps: StoreSessionDeps
  #store: Store | undefined
  #isReady = false
  #error: ErrorRecord | undefined
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

  /** Resolves once the store is open, or with retries under way when only the database is missing; rejects for what a person has to mend. */
  async start(): Promise<void> {
    try {
      await this.#open()
    } catch (thrown) {
      if (!(thrown instanceof FeishuSupervisorError) || thrown.code !== 'STORE_UNAVAILABLE') throw thrown
      this.#reopenLater(1)
    }
  }

  /** Ends this instance's lease, so that its work is free at once, and closes. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelTimer()
    await this.#ticking
    const store = this.#store
    if (store === undefined) return
    await store.instances.release(this.#deps.instanceId).catch(() => {
      // The lease runs out by itself.
    })
    await store.close()
  }

  async #open(): Promise<void> {
    const { open, opened, instanceId, supersedes, leaseMs } = this.#deps
    try {
      const store = await open()
      try {
        await store.instances.renew(instanceId, leaseMs)
        if (supersedes !== undefined) await store.instances.release(supersedes)
        // The folder lock of the embedded database proves that every other owner is gone.
        await store.instances.rescue(instanceId, store.kind === 'pglite')
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
      await this.#store?.instances.renew(instanceId, leaseMs)
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
