import { type Clock, systemClock } from '../../core/time/clock.ts'
import { crashPoint } from '../../core/crash-point.ts'
import { FeishuSupervisorError } from '../../core/errors.ts'
import type { MessageEvent } from '../../protocol/model/events.ts'
import { CARD_ACTION_TYPE } from '../../protocol/model/inbound-event.ts'
import type { FeishuEvent } from '../../protocol/model/message.ts'
import type { Accepted, ArrivalOrder, ClaimedEvent, InboxStore, NewEvent } from '../../store/store.ts'
import { readEnvelope, text } from '../inbound/envelope.ts'
import { GroupCommit } from '../writes/group-commit.ts'
import type { InboundLimit } from './inbound-limit.ts'

export interface IntakeDeps {
  readonly inbox: Pick<InboxStore, 'accept'>
  readonly maxBatch: number
  readonly maxWaiting: number
  /** Without it nothing is delayed. */
  readonly limit?: InboundLimit
  /** Named where an event is too large. */
  readonly maxPayloadBytes?: number
  readonly clock?: Pick<Clock, 'now'>
  readonly emit: (event: MessageEvent) => void
  /** What may be claimed as it is stored, if anything. Default: nothing. */
  readonly offer?: () => ArrivalOrder | undefined
  /** These wait in the database; undefined: some may, because a failed call may have been carried out. */
  readonly onCommitted: (events?: readonly NewEvent[], claimed?: readonly ClaimedEvent[]) => void
}

/** Events stored together of which some are claimed at once; finding them takes the square of their number. */
const MAX_CLAIMED_BATCH = 32

const RECALL_TYPE = 'im.message.recalled_v1'

/**
 * The way in: whoever awaits `accept` may acknowledge the event to Feishu, and nobody else may. What is too
 * much or too large is stored too, to be handled later or not at all.
 */
export class Intake {
  readonly #deps: IntakeDeps
  readonly #commits: GroupCommit<NewEvent, Accepted>

  constructor(deps: IntakeDeps) {
    this.#deps = deps
    this.#commits = new GroupCommit((batch) => this.#store(batch), deps.maxBatch)
  }

  /**
   * Resolves once the event is committed, now or by an earlier delivery. A rejection means "not known
   * to be stored": refuse it, Feishu delivers it again and the dedupe key absorbs a double.
   */
  async accept(botId: string, event: FeishuEvent): Promise<Accepted> {
    if (this.#commits.waitingCount >= this.#deps.maxWaiting) {
      throw new FeishuSupervisorError('INTAKE_FULL', `${this.#deps.maxWaiting} events wait for storage already`)
    }
    const accepted = await this.#commits.add(this.#admit(botId, event))
    const { clock = systemClock, emit } = this.#deps
    const { id, duplicate } = accepted
    const persisted = event.receivedAt === undefined ? {} : { persistMs: Math.max(0, clock.now() - event.receivedAt) }
    emit({ stage: 'received', botId, eventId: id, type: event.type, duplicate, ...persisted })
    return accepted
  }

  /** What becomes of the event besides being stored. */
  #admit(botId: string, event: FeishuEvent): NewEvent {
    const { limit, maxPayloadBytes, clock = systemClock } = this.#deps
    const { oversizeBytes, type } = event
    if (oversizeBytes !== undefined) return { botId, event, dead: tooLarge(oversizeBytes, maxPayloadBytes) }
    // Somebody waits for the answer to a press on a card, and nobody presses that fast.
    const delayMs = type === CARD_ACTION_TYPE ? 0 : (limit?.take(botId, clock.now()) ?? 0)
    const recalled = type === RECALL_TYPE ? recalledMessageOf(botId, event) : ''
    return {
      botId,
      event,
      ...(delayMs === 0 ? {} : { delayMs }),
      ...(recalled === '' ? {} : { recalls: `m:${recalled}` }),
    }
  }

  /** A card has its own way to a thread; a large batch shows that there is no time to win. */
  #claimFor(batch: readonly NewEvent[]): ArrivalOrder | undefined {
    const isOrdinary = batch.length <= MAX_CLAIMED_BATCH && batch.every(({ event }) => event.type !== CARD_ACTION_TYPE)
    return isOrdinary ? this.#deps.offer?.() : undefined
  }

  async #store(batch: readonly NewEvent[]): Promise<Accepted[]> {
    crashPoint('persist.before')
    try {
      const claim = this.#claimFor(batch)
      const accepted = await this.#deps.inbox.accept(batch, claim)
      crashPoint('persist.after')
      const claimed = accepted.flatMap((one) => one.claimed ?? [])
      const waiting = batch.filter((_event, index) => {
        const one = accepted[index]
        return one?.duplicate === false && one.claimed === undefined
      })
      if (waiting.length > 0 || claim !== undefined) this.#deps.onCommitted(waiting, claimed)
      return accepted
    } catch (thrown) {
      // Only the answer may be lost; then the redelivery is a duplicate, which wakes nobody.
      this.#deps.onCommitted()
      throw thrown
    }
  }
}

function tooLarge(bytes: number, maxBytes: number | undefined): NonNullable<NewEvent['dead']> {
  const limit = maxBytes === undefined ? 'the limit' : `the limit of ${maxBytes} (connection.maxPayloadBytes)`
  const message = `the event has ${bytes} bytes, more than ${limit}; only its beginning was kept`
  return { reason: 'payload_too_large', error: { code: 'PAYLOAD_TOO_LARGE', message, retryable: false } }
}

/** Empty if the event does not say. */
function recalledMessageOf(botId: string, { payload, createdAt }: FeishuEvent): string {
  const envelope = readEnvelope(botId, payload, createdAt)
  return envelope.kind === 'bad' ? '' : text(envelope.base.raw['message_id'])
}
