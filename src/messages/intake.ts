import { crashPoint } from '../core/crash-point.ts'
import { FeishuSupervisorError } from '../core/errors.ts'
import type { MessageEvent } from '../protocol/events.ts'
import type { FeishuEvent } from '../protocol/message.ts'
import type { Accepted, InboxStore } from '../store/store.ts'
import { GroupCommit } from './group-commit.ts'

export interface IntakeDeps {
  readonly inbox: Pick<InboxStore, 'accept'>
  readonly maxBatch: number
  readonly maxWaiting: number
  readonly emit: (event: MessageEvent) => void
  /** New events are in the database. */
  readonly onCommitted: () => void
}

interface BotEvent {
  readonly botId: string
  readonly event: FeishuEvent
}

/**
 * The way in: whoever awaits `accept` may acknowledge the event to Feishu, and nobody else may.
 */
export class Intake {
  readonly #deps: IntakeDeps
  readonly #commits: GroupCommit<BotEvent, Accepted>

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
    const accepted = await this.#commits.add({ botId, event })
    const { id, duplicate } = accepted
    this.#deps.emit({ stage: 'received', botId, eventId: id, type: event.type, duplicate })
    return accepted
  }

  async #store(batch: readonly BotEvent[]): Promise<Accepted[]> {
    crashPoint('persist.before')
    const accepted = await this.#deps.inbox.accept(batch)
    crashPoint('persist.after')
    if (accepted.some(({ duplicate }) => !duplicate)) this.#deps.onCommitted()
    return accepted
  }
}
