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
  /** Limit on events per bot. Default: no event is delayed. */
  readonly limit?: InboundLimit
  /** Largest payload in bytes, named in the error of a larger event. */
  readonly maxPayloadBytes?: number
  readonly clock?: Pick<Clock, 'now'>
  readonly emit: (event: MessageEvent) => void
  /** Returns the claim order for the insert. Undefined: claim nothing. Default: claim nothing. */
  readonly offer?: () => ArrivalOrder | undefined
  /**
   * Called after an insert. `events` were committed and wait in the database, `claimed` were claimed as they were
   * stored. Without `events` the insert failed, but it may have been carried out.
   */
  readonly onCommitted: (events?: readonly NewEvent[], claimed?: readonly ClaimedEvent[]) => void
}

/** Largest batch of which events are claimed as they are stored. The cost grows with the square of the batch size. */
const MAX_CLAIMED_BATCH = 32

const RECALL_TYPE = 'im.message.recalled_v1'

/**
 * Takes events in. Only after `accept` has resolved may the event be acknowledged to Feishu. An event over the rate
 * limit is stored to be handled later. An event that is too large is stored as a dead letter.
 */
export class Intake {
  readonly #deps: IntakeDeps
  readonly #commits: GroupCommit<NewEvent, Accepted>

  constructor(deps: IntakeDeps) {
    this.#deps = deps
    this.#commits = new GroupCommit((batch) => this.#store(batch), deps.maxBatch)
  }

  /**
   * Stores one event. Resolves once it is committed, now or by an earlier delivery. A rejection means "not known to be
   * stored": refuse the event, Feishu delivers it again, and the dedupe key absorbs a duplicate.
   */
  async accept(botId: string, event: FeishuEvent): Promise<Accepted> {
    if (this.#commits.waitingCount >= this.#deps.maxWaiting) {
      throw new FeishuSupervisorError(
        'INTAKE_FULL',
        `the limit of ${this.#deps.maxWaiting} events that wait for the database is reached: check whether the database answers`,
      )
    }
    const accepted = await this.#commits.add(this.#admit(botId, event))
    const { clock = systemClock, emit } = this.#deps
    const { id, duplicate } = accepted
    const persisted = event.receivedAt === undefined ? {} : { persistMs: Math.max(0, clock.now() - event.receivedAt) }
    emit({ stage: 'received', botId, eventId: id, type: event.type, duplicate, ...persisted })
    return accepted
  }

  /** Adds to the event whether it is dead, is delayed or recalls another. */
  #admit(botId: string, event: FeishuEvent): NewEvent {
    const { limit, maxPayloadBytes, clock = systemClock } = this.#deps
    const { oversizeBytes, type } = event
    if (oversizeBytes !== undefined) return { botId, event, dead: tooLarge(oversizeBytes, maxPayloadBytes) }
    // A card action has no delay: a user waits for the answer, and no user presses that fast.
    const delayMs = type === CARD_ACTION_TYPE ? 0 : (limit?.take(botId, clock.now()) ?? 0)
    const recalled = type === RECALL_TYPE ? recalledMessageOf(botId, event) : ''
    return {
      botId,
      event,
      ...(delayMs === 0 ? {} : { delayMs }),
      ...(recalled === '' ? {} : { recalls: `m:${recalled}` }),
    }
  }

  /**
   * Returns the claim order for a batch. None for card actions, which have their own way to a thread, and none for
   * large batches, which gain no time.
   */
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
      // Perhaps only the answer was lost. Then the redelivery is a duplicate, and a duplicate wakes no claim.
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

/** Returns the id of the recalled message, or '' if the event has none. */
function recalledMessageOf(botId: string, { payload, createdAt }: FeishuEvent): string {
  const envelope = readEnvelope(botId, payload, createdAt)
  return envelope.kind === 'bad' ? '' : text(envelope.base.raw['message_id'])
}
