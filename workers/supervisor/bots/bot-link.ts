import type { MessagePort } from 'node:worker_threads'
import { assertNever } from '../../../src/core/assert-never.ts'
import type { Clock } from '../../../src/core/time/clock.ts'
import { type ErrorRecord, errorText, FeishuSupervisorError, toErrorRecord } from '../../../src/core/errors.ts'
import { Pending } from '../../../src/core/time/pending.ts'
import { RateGuard } from '../../../src/core/time/rate-guard.ts'
import {
  type CardCall,
  type CardOutcome,
  type DataDown,
  type DataUp,
  type ReplyToSend,
  type SendOutcome,
  UPLOAD_TIMEOUT_MS,
} from '../../../src/protocol/data.ts'
import type { FeishuEvent } from '../../../src/protocol/model/message.ts'

export interface BotLinkDeps {
  readonly botId: string
  readonly incarnation: number
  readonly port: MessagePort
  readonly sendDeadlineMs: number
  readonly clock: Clock
  /** Resolves when the event is committed, with the response that its acknowledgement carries, if any. */
  accept(event: FeishuEvent): Promise<unknown>
  /** Most events of the worker that wait for storage at the same time. */
  readonly creditWindow: number
  /** Longest payload of a frame, bytes: a sound worker drops longer payloads. */
  readonly maxPayloadBytes: number
  /** Reports that the worker breaks the protocol and has to be ended. */
  misbehaved(cause: string): void
  /** Reports the time from accepting an event to its acknowledgement, milliseconds. */
  acked(ms: number): void
}

/**
 * Most events of one worker that wait for storage here, in credit windows. It is above 1 because a worker gets its
 * credit back when it gives up an event that waits too long.
 */
const MOST_WINDOWS = 4

/** Most frames a second above that limit, of another incarnation or without a matching send. A sound worker waits for its credit. */
const MOST_EXCESS = 1_000

const TOO_MUCH: ErrorRecord = {
  code: 'INTAKE_FULL',
  message: 'too many events of this bot wait for the database; Feishu redelivers this one: check the database',
  retryable: true,
}

/** The supervisor thread's end of one bot worker's data wire, for one incarnation. */
export class BotLink {
  readonly #deps: BotLinkDeps
  readonly #sends: Pending<SendOutcome>
  readonly #calls: Pending<CardOutcome>
  readonly #excess: RateGuard
  #isOver = false
  #acceptingCount = 0
  /** Instant at which each event without a reported acknowledgement was accepted. */
  readonly #acceptedAt = new Map<number, number>()

  constructor(deps: BotLinkDeps) {
    this.#deps = deps
    this.#sends = new Pending(deps.clock)
    this.#calls = new Pending(deps.clock)
    this.#excess = new RateGuard(MOST_EXCESS, deps.clock)
    deps.port.on('message', (frame: DataUp) => this.#onFrame(frame))
  }

  get incarnation(): number {
    return this.#deps.incarnation
  }

  /** Sends a reply. Never rejects. Without an answer the outcome is unknown, so the failure is retryable: the uuid prevents a second message. */
  async send(reply: ReplyToSend): Promise<SendOutcome> {
    const { incarnation, port, botId, sendDeadlineMs } = this.#deps
    // An upload may run twice, because a stale token repeats it.
    const uploadMs = reply.bytes === undefined ? 0 : 2 * UPLOAD_TIMEOUT_MS
    const { id, answer } = this.#sends.open(sendDeadlineMs + uploadMs, `reply of bot ${botId}`)
    port.postMessage({ kind: 'send', incarnation, id, reply } satisfies DataDown)
    try {
      return await answer
    } catch (thrown) {
      return { kind: 'failed', failure: { error: toErrorRecord(thrown, 'REPLY_FAILED'), isRefused: false } }
    }
  }

  /** Changes a card. Never rejects. Without an answer the change may have been made; repeating it does no harm. */
  async call(call: CardCall): Promise<CardOutcome> {
    const { incarnation, port, botId, sendDeadlineMs } = this.#deps
    const { id, answer } = this.#calls.open(sendDeadlineMs, `card of bot ${botId}`)
    port.postMessage({ kind: 'call', incarnation, id, call } satisfies DataDown)
    try {
      return await answer
    } catch (thrown) {
      return { kind: 'failed', failure: { error: toErrorRecord(thrown, 'REPLY_FAILED'), isRefused: false } }
    }
  }

  /** Rejects all open calls, because the worker is gone. */
  lost(): void {
    const error = new FeishuSupervisorError('WORKER_UNREACHABLE', `the worker of bot ${this.#deps.botId} ended`)
    this.#sends.rejectAll(error)
    this.#calls.rejectAll(error)
  }

  /** Settles a send. An answer after its deadline is allowed; more than `MOST_EXCESS` of them a second are not. */
  #settle(id: number, outcome: SendOutcome): void {
    if (!this.#sends.resolve(id, outcome)) this.#exceed()
  }

  #exceed(): void {
    if (this.#excess.take(1) === 'exceeded')
      this.#end(`the worker sends more than ${MOST_EXCESS} unexpected frames a second`)
  }

  /** Reports the worker and ignores its later frames. */
  #end(cause: string): void {
    this.#isOver = true
    this.#deps.misbehaved(cause)
  }

  #onFrame(frame: DataUp): void {
    if (this.#isOver) return
    try {
      this.#read(frame)
    } catch (thrown) {
      this.#end(`the worker sent an invalid frame: ${errorText(thrown)}`)
    }
  }

  #read(frame: DataUp): void {
    if (frame.incarnation !== this.#deps.incarnation) return this.#exceed()
    for (const { id, at } of frame.acks ?? []) {
      const acceptedAt = this.#acceptedAt.get(id)
      if (this.#acceptedAt.delete(id) && acceptedAt !== undefined) this.#deps.acked(Math.max(0, at - acceptedAt))
    }
    switch (frame.kind) {
      case 'deliver':
        if (frame.event.payload.length > this.#deps.maxPayloadBytes)
          this.#end('the worker sent an event over connection.maxPayloadBytes')
        else void this.#accept(frame.id, frame.event)
        break
      case 'sent':
        this.#settle(frame.id, { kind: 'sent', messageId: frame.messageId })
        break
      case 'failed':
        this.#settle(frame.id, { kind: 'failed', failure: frame.failure })
        break
      case 'called':
        this.#calls.resolve(frame.id, frame.outcome)
        break
      default:
        assertNever(frame)
    }
  }

  /** Stores an event and answers the worker. If the worker died meanwhile the answer is lost: Feishu pushes the event again, as a duplicate. */
  async #accept(id: number, event: FeishuEvent): Promise<void> {
    const { incarnation, port, accept, clock, creditWindow } = this.#deps
    if (this.#acceptingCount >= MOST_WINDOWS * creditWindow) {
      this.#exceed()
      port.postMessage({ kind: 'refused', incarnation, id, error: TOO_MUCH } satisfies DataDown)
      return
    }
    this.#acceptingCount += 1
    const frame: DataDown = await accept(event).then(
      (response) => ({ kind: 'accepted', incarnation, id, ...(response === undefined ? {} : { response }) }),
      (thrown: unknown) => ({ kind: 'refused', incarnation, id, error: toErrorRecord(thrown) }),
    )
    this.#acceptingCount -= 1
    if (frame.kind === 'accepted') this.#acceptedAt.set(id, clock.now())
    port.postMessage(frame)
  }
}
