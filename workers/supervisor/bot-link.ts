import type { MessagePort } from 'node:worker_threads'
import { assertNever } from '../../src/core/assert-never.ts'
import type { Clock } from '../../src/core/clock.ts'
import { FeishuSupervisorError, toErrorRecord } from '../../src/core/errors.ts'
import { Pending } from '../../src/core/pending.ts'
import type { DataDown, DataUp, ReplyToSend, SendOutcome } from '../../src/protocol/data.ts'
import { MOST_TOLD } from '../../src/supervisor/flood-guard.ts'
import { RateGuard } from '../../src/supervisor/rate-guard.ts'
import type { FeishuEvent } from '../../src/protocol/message.ts'

export interface BotLinkDependencies {
  readonly botId: string
  readonly incarnation: number
  readonly port: MessagePort
  readonly sendDeadlineMs: number
  readonly clock: Clock
  /** Resolves when the event is committed, with what its acknowledgement should carry if anything. */
  accept(event: FeishuEvent): Promise<unknown>
  /** A frame with a longer payload is none of our worker's. */
  readonly maxPayloadBytes: number
  /** The worker does what none of ours does: it has to be ended. */
  misbehaved(cause: string): void
  /** An acknowledgement left so long after its event was accepted. */
  acked(ms: number): void
}

const KINDS: ReadonlySet<string> = new Set<DataUp['kind']>(['deliver', 'sent', 'failed'])

/** Events of one bot that may wait for storage here: more than a worker keeps to, fewer than all bots share. */
const MOST_ACCEPTING = 2_048

function tooMuch(): FeishuSupervisorError {
  return new FeishuSupervisorError('INTAKE_FULL', `${MOST_ACCEPTING} events of this bot wait for storage already`)
}

/** The supervisor thread's end of one bot worker's data wire, for one incarnation. */
export class BotLink {
  readonly #deps: BotLinkDependencies
  readonly #sends: Pending<SendOutcome>
  readonly #frames: RateGuard
  #acceptingCount = 0
  /** When each event was accepted whose acknowledgement is not known yet. */
  readonly #acceptedAt = new Map<number, number>()

  constructor(deps: BotLinkDependencies) {
    this.#deps = deps
    this.#sends = new Pending(deps.clock)
    this.#frames = new RateGuard(MOST_TOLD, deps.clock)
    deps.port.on('message', (frame: DataUp) => this.#onFrame(frame))
  }

  get incarnation(): number {
    return this.#deps.incarnation
  }

  /** Never rejects. Without an answer the outcome is unknown, so the failure is retryable: the uuid prevents a second message. */
  async send(reply: ReplyToSend): Promise<SendOutcome> {
    const { incarnation, port, botId, sendDeadlineMs } = this.#deps
    const { id, answer } = this.#sends.open(sendDeadlineMs, `reply of bot ${botId}`)
    port.postMessage({ kind: 'send', incarnation, id, reply } satisfies DataDown)
    try {
      return await answer
    } catch (thrown) {
      return { kind: 'failed', failure: { error: toErrorRecord(thrown, 'REPLY_FAILED'), isRefused: false } }
    }
  }

  /** The worker is gone: nothing sent to it will be answered. */
  lost(): void {
    this.#sends.rejectAll(
      new FeishuSupervisorError('WORKER_UNREACHABLE', `the worker of bot ${this.#deps.botId} ended`),
    )
  }

  #onFrame(frame: DataUp): void {
    const { misbehaved, incarnation, maxPayloadBytes } = this.#deps
    const room = this.#frames.take(1)
    if (room === 'exceeded') misbehaved(`its worker sent more than ${MOST_TOLD} frames within a second`)
    if (room !== 'taken') return
    if (!KINDS.has((frame as DataUp | null)?.kind ?? '')) return misbehaved('its worker sent what no worker sends')
    if (frame.incarnation !== incarnation) return
    for (const { id, at } of frame.acks ?? []) {
      const acceptedAt = this.#acceptedAt.get(id)
      if (this.#acceptedAt.delete(id) && acceptedAt !== undefined) this.#deps.acked(Math.max(0, at - acceptedAt))
    }
    switch (frame.kind) {
      case 'deliver':
        if (frame.event.payload.length > maxPayloadBytes) misbehaved('its worker sent an event that it should have cut')
        else void this.#accept(frame.id, frame.event)
        break
      case 'sent':
        this.#sends.resolve(frame.id, { kind: 'sent', messageId: frame.messageId })
        break
      case 'failed':
        this.#sends.resolve(frame.id, { kind: 'failed', failure: frame.failure })
        break
      default:
        assertNever(frame)
    }
  }

  /** Posting to a worker that died meanwhile is silent and harmless: Feishu pushes the event again, and it is a duplicate then. */
  async #accept(id: number, event: FeishuEvent): Promise<void> {
    const { incarnation, port, accept, clock } = this.#deps
    this.#acceptingCount += 1
    const isTooMuch = this.#acceptingCount > MOST_ACCEPTING
    const frame: DataDown = await (isTooMuch ? Promise.reject(tooMuch()) : accept(event)).then(
      (response) => ({ kind: 'accepted', incarnation, id, ...(response === undefined ? {} : { response }) }),
      (thrown: unknown) => ({ kind: 'refused', incarnation, id, error: toErrorRecord(thrown) }),
    )
    this.#acceptingCount -= 1
    if (frame.kind === 'accepted') this.#acceptedAt.set(id, clock.now())
    port.postMessage(frame)
  }
}
