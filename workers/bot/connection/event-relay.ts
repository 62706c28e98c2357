import { EventDispatcher } from '@larksuiteoapi/node-sdk'
import { type Clock, systemClock } from '../../../src/core/time/clock.ts'
import { crashPoint, crashPointAfterTurn, isPlanted } from '../../../src/core/crash-point.ts'
import { type ErrorRecord, errorText, FeishuSupervisorError, fromErrorRecord } from '../../../src/core/errors.ts'
import type { Logger } from '../../../src/core/log/logger.ts'
import { Pending } from '../../../src/core/time/pending.ts'
import { toFeishuEvent } from '../../../src/protocol/model/feishu-event.ts'
import { CARD_ACTION_TYPE, type CardResponse } from '../../../src/protocol/model/inbound-event.ts'
import type { FeishuEvent } from '../../../src/protocol/model/message.ts'
import { sdkLogger } from '../http/sdk-logger.ts'

export interface EventRelayOptions {
  readonly acceptTimeoutMs: number
  readonly creditWindow: number
  readonly maxPayloadBytes: number
  readonly cardFailedText: string
  deliver(id: number, event: FeishuEvent): void
  /** Called when the acknowledgement of a delivered event is sent. */
  acknowledged?(id: number): void
  readonly logger: Logger
  readonly clock?: Clock
}

/**
 * Receives events from the SDK and passes them to the supervisor thread. The SDK acknowledges an event when `invoke`
 * resolves. When `invoke` rejects, the SDK reports a failure and Feishu pushes the event again. So `invoke` resolves only
 * after the supervisor thread has reported that the event is committed.
 *
 * A card callback is different: a person waits for the answer, and Feishu does not push it again. So it is always
 * acknowledged, with the answer of the supervisor thread or with a toast about the failure.
 */
export class EventRelay extends EventDispatcher {
  readonly #options: EventRelayOptions
  readonly #pending: Pending<unknown>
  readonly #clock: Clock
  #lastEventAt: number | undefined
  #idle: (() => void)[] = []

  constructor(options: EventRelayOptions) {
    super({ logger: sdkLogger(options.logger) })
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#pending = new Pending(this.#clock)
  }

  get lastEventAt(): number | undefined {
    return this.#lastEventAt
  }

  /** Resolves with the content of the acknowledgement: undefined except for callbacks. */
  override async invoke(envelope: unknown): Promise<unknown> {
    const receivedAt = this.#clock.now()
    this.#lastEventAt = receivedAt
    const event = toFeishuEvent(envelope, receivedAt, this.#options.maxPayloadBytes)
    if (event.type !== CARD_ACTION_TYPE) return await this.#accept(event)
    try {
      return (await this.#accept(event)) ?? {}
    } catch (thrown) {
      this.#options.logger.error(`a card action was not accepted: ${errorText(thrown)}`)
      return { toast: { type: 'error', content: this.#options.cardFailedText } } satisfies CardResponse
    }
  }

  async #accept(event: FeishuEvent): Promise<unknown> {
    const { acceptTimeoutMs, creditWindow, deliver } = this.#options
    if (this.#pending.size >= creditWindow) {
      throw new FeishuSupervisorError(
        'INTAKE_FULL',
        `the bot has ${creditWindow} events waiting for storage already: check the database`,
      )
    }
    const { id, answer } = this.#pending.open(acceptTimeoutMs, `storage of event ${event.dedupeKey}`)
    try {
      deliver(id, event)
    } catch (thrown) {
      this.#pending.reject(id, thrown)
    }
    try {
      if (isPlanted('early-ack')) answer.catch(() => {})
      const response = isPlanted('early-ack') ? undefined : await answer
      this.#options.acknowledged?.(id)
      const effect = event.type === CARD_ACTION_TYPE ? 'answer' : 'ack'
      crashPoint(`${effect}.before`)
      // The SDK writes the acknowledgement in the same turn in which this promise resolves.
      crashPointAfterTurn(`${effect}.after`)
      return response
    } finally {
      if (this.#pending.size === 0) for (const resolve of this.#idle.splice(0)) resolve()
    }
  }

  accepted(id: number, response?: unknown): void {
    this.#pending.resolve(id, response)
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
