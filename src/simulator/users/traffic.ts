import type { Clock } from '../../core/time/clock.ts'
import { deferred } from '../../core/time/deferred.ts'
import { FeishuSupervisorError } from '../../core/errors.ts'

/** A stream of messages. Requires `perSecond` or `intervalMs`. */
export type TrafficPlan = {
  /** Chats to write to, one after the other in rotation. */
  readonly chats: readonly { readonly appId: string; readonly chatId: string }[]
  readonly count: number
  /** Prefix of the texts `<textPrefix> <n>`, with n from 0. Default `message`. */
  readonly textPrefix?: string
} & ({ readonly perSecond: number } | { readonly intervalMs: number })

export interface TrafficProgress {
  readonly id: string
  readonly count: number
  readonly sentCount: number
  readonly isDone: boolean
}

/** One running plan. Open loop: message n is due at start + n intervals, independent of the answers. */
export class Traffic {
  readonly id: string
  /** Settles when the last message was sent, or when the traffic was stopped. */
  readonly done: Promise<TrafficProgress>
  readonly #plan: TrafficPlan
  readonly #send: (message: { appId: string; chatId: string; text: string }) => void
  readonly #clock: Pick<Clock, 'after'>
  readonly #finish: (progress: TrafficProgress) => void
  readonly #intervalMs: number
  readonly #startedAt = performance.now()
  #sentCount = 0
  #isDone = false

  constructor(
    id: string,
    plan: TrafficPlan,
    send: (message: { appId: string; chatId: string; text: string }) => void,
    clock: Pick<Clock, 'after'>,
  ) {
    const { promise, resolve } = deferred<TrafficProgress>()
    this.#intervalMs = 'perSecond' in plan ? 1000 / plan.perSecond : plan.intervalMs
    if (!Number.isFinite(this.#intervalMs)) {
      throw new FeishuSupervisorError('CONFIG_INVALID', 'traffic needs a perSecond above 0, or an intervalMs')
    }
    this.id = id
    this.done = promise
    this.#finish = resolve
    this.#plan = plan
    this.#send = send
    this.#clock = clock
    this.#sendDue()
  }

  get progress(): TrafficProgress {
    return { id: this.id, count: this.#plan.count, sentCount: this.#sentCount, isDone: this.#isDone }
  }

  stop(): void {
    this.#isDone = true
    this.#finish(this.progress)
  }

  #sendDue(): void {
    const { chats, count, textPrefix = 'message' } = this.#plan
    const intervalMs = this.#intervalMs
    const elapsedMs = performance.now() - this.#startedAt
    while (this.#sentCount < count && this.#sentCount * intervalMs <= elapsedMs) {
      const chat = chats[this.#sentCount % chats.length]
      const text = `${textPrefix} ${this.#sentCount}`
      this.#sentCount += 1
      if (chat !== undefined) this.#send({ ...chat, text })
    }
    if (this.#sentCount >= count) return this.stop()
    const waitMs = this.#sentCount * intervalMs - (performance.now() - this.#startedAt)
    this.#clock.after(waitMs, () => this.#sendDue())
  }
}
