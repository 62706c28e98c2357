import { EventDispatcher } from '@larksuiteoapi/node-sdk'
import { type Clock, systemClock } from '../../src/core/clock.ts'
import { type ErrorRecord, FeishuSupervisorError, fromErrorRecord } from '../../src/core/errors.ts'
import type { Logger } from '../../src/core/logger.ts'
import { Pending } from '../../src/core/pending.ts'
import type { FeishuEvent } from '../../src/protocol/message.ts'
import { toFeishuEvent } from './feishu-event.ts'
import { sdkLogger } from './sdk-logger.ts'

export interface InletOptions {
  readonly acceptTimeoutMs: number
  readonly creditWindow: number
  readonly maxPayloadBytes: number
  deliver(id: number, event: FeishuEvent): void
  readonly logger: Logger
  readonly clock?: Clock
}

/**
 * Where events enter. The SDK acknowledges an event when `invoke` resolves and reports a failure
 * (which makes Feishu push it again) when it rejects, so `invoke` resolves only once the
 * supervisor thread says that the event is committed.
 */
export class Inlet extends EventDispatcher {
  readonly #options: InletOptions
  readonly #pending: Pending<void>
  readonly #clock: Clock
  #lastEventAt: number | undefined
  #idle: (() => void)[] = []

  constructor(options: InletOptions) {
    super({ logger: sdkLogger(options.logger) })
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#pending = new Pending(this.#clock)
  }

  get lastEventAt(): number | undefined {
    return this.#lastEventAt
  }

  override async invoke(envelope: unknown): Promise<undefined> {
    const { acceptTimeoutMs, creditWindow, maxPayloadBytes, deliver } = this.#options
    const receivedAt = this.#clock.now()
    this.#lastEventAt = receivedAt
    if (this.#pending.size >= creditWindow) {
      throw new FeishuSupervisorError('INTAKE_FULL', `${creditWindow} events already wait for storage`)
    }
    const event = toFeishuEvent(envelope, receivedAt, maxPayloadBytes)
    const { id, answer } = this.#pending.open(acceptTimeoutMs, `storage of event ${event.dedupeKey}`)
    try {
      deliver(id, event)
    } catch (thrown) {
      this.#pending.reject(id, thrown)
    }
    try {
      await answer
    } finally {
      if (this.#pending.size === 0) for (const resolve of this.#idle.splice(0)) resolve()
    }
  }

  accepted(id: number): void {
    this.#pending.resolve(id, undefined)
  }

  refused(id: number, error: ErrorRecord): void {
    this.#pending.reject(id, fromErrorRecord(error))
  }

  /** Resolves when no event waits for storage. */
  async idle(): Promise<void> {
    if (this.#pending.size === 0) return
    await new Promise<void>((resolve) => this.#idle.push(resolve))
  }
}
