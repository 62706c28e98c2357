import type { Clock } from '../../core/time/clock.ts'
import { type Deferred, deferred } from '../../core/time/deferred.ts'
import { FeishuSupervisorError, fromErrorRecord } from '../../core/errors.ts'
import type { CardResponse } from '../../protocol/model/inbound-event.ts'
import type { FeishuEvent } from '../../protocol/model/message.ts'
import type { Accepted } from '../../store/store.ts'
import type { AckTimes } from './ack-times.ts'
import type { Decision } from '../handle/handle-event.ts'

export interface CardActionsDeps {
  /** Stores the event. Resolves once it is committed. */
  readonly accept: (botId: string, event: FeishuEvent) => Promise<Accepted>
  /** Runs the event ahead of all others. False if nothing runs now. */
  readonly runNow: (botId: string, eventId: number) => boolean
  /** False when it is known that the bot has no handler for card actions. */
  readonly handlesCards: (botId: string) => boolean
  readonly clock: Clock
  readonly acks: AckTimes
  /** Longest time from arrival to the answer, in milliseconds. */
  readonly answerMs: number
  /** Text of the toast that is shown when the handler takes longer. */
  readonly pendingText: string
}

/**
 * Answers card callbacks. The user who pressed a button waits for at most 3 s, and Feishu does not ask again.
 *
 * The event is committed first, like any other, and then runs at once. A handler that takes too long goes on: its
 * answer is dropped, its replies are sent. No event runs twice because of this class: after the commit it is a row
 * like others for any claim, and after a crash it runs as such a row.
 */
export class CardActions {
  readonly #deps: CardActionsDeps
  readonly #waiting = new Map<number, Deferred<CardResponse>>()

  constructor(deps: CardActionsDeps) {
    this.#deps = deps
  }

  /**
   * Stores the event and resolves with its answer. Rejects if the event could not be committed, or can never be
   * handled.
   */
  async accept(botId: string, event: FeishuEvent): Promise<CardResponse> {
    const { accept, runNow, handlesCards, clock, answerMs } = this.#deps
    const answerAt = clock.now() + answerMs
    const { id, duplicate } = await accept(botId, event)
    if (event.oversizeBytes !== undefined) {
      throw new FeishuSupervisorError(
        'PAYLOAD_TOO_LARGE',
        `the card action has ${event.oversizeBytes} bytes, more than connection.maxPayloadBytes allows: ` +
          'put less into the card, or raise the limit',
      )
    }
    if (duplicate) return {}
    const answer = deferred<CardResponse>()
    this.#waiting.set(id, answer)
    const cancel = clock.after(Math.max(0, answerAt - clock.now()), () => this.#answer(id, this.#pending()))
    if (!handlesCards(botId)) this.#answer(id, {})
    else if (!runNow(botId, id)) this.#answer(id, this.#pending())
    try {
      return await answer.promise
    } finally {
      cancel()
      this.#waiting.delete(id)
    }
  }

  decided(eventId: number, { result, response = {} }: Decision): void {
    if (result.kind === 'dead') this.#waiting.get(eventId)?.reject(fromErrorRecord(result.error))
    else this.#answer(eventId, result.kind === 'completed' ? response : this.#pending())
  }

  /** Answers the callback. Only the first answer counts. */
  #answer(eventId: number, response: CardResponse): void {
    const waiting = this.#waiting.get(eventId)
    if (waiting === undefined) return
    this.#waiting.delete(eventId)
    waiting.resolve(response)
    this.#deps.acks.add(eventId, this.#deps.clock.now())
  }

  #pending(): CardResponse {
    return { toast: { type: 'info', content: this.#deps.pendingText } }
  }
}
