import type { Clock } from '../../core/time/clock.ts'
import { type Deferred, deferred } from '../../core/time/deferred.ts'
import type { Assumptions } from '../shared/assumptions.ts'
import type { CallbackAnswer } from './callback-answer.ts'
import type { GatewayAck, ConnectionListener, GatewayConnection } from '../gateway/gateway-connection.ts'
import type { History } from '../history/history.ts'
import { newId } from '../shared/ids.ts'
import { type PlatformEvent, toPayload } from './platform-event.ts'
import type { Webhook } from './webhook.ts'
import type { PushAnswer, WebhookPusher } from './webhook-pusher.ts'

/** Waits before the redeliveries: 15 s, 5 min, 1 h, 6 h. After them the event is given up. [D] */
const REDELIVERY_MS = [15_000, 300_000, 3_600_000, 21_600_000] as const

/** Connection id in the history of an app with a webhook. */
const WEBHOOK = 'webhook'

export interface EventDeliveryOptions {
  /** Factor of the waits before redeliveries. */
  readonly timeScale: number
  readonly ackDeadlineMs: number
  readonly assumptions: Assumptions
  /** Returns a number in [0, 1). */
  readonly random: () => number
  readonly connectionsOf: (appId: string) => readonly GatewayConnection[]
  readonly verificationTokenOf: (appId: string) => string
  readonly webhooks: WebhookPusher
  readonly clock: Clock
  readonly history: History
}

interface Attempt {
  readonly event: PlatformEvent
  /** JSON text of the event, the same in every attempt. */
  readonly payload: Uint8Array
  /** Answer of a callback. Callbacks are pushed once. */
  readonly answer?: Deferred<CallbackAnswer>
  /** Number of the attempt, from 1. */
  readonly attempt: number
  /** The frame's message_id, if a redelivery keeps it. */
  readonly deliveryId?: string
}

interface Push extends Attempt {
  readonly deliveryId: string
  readonly connection: GatewayConnection
  readonly pushedAt: number
  isOverdue: boolean
  cancelDeadline(): void
  /** Cancels a scheduled redelivery. */
  cancelRedelivery?: () => void
}

/**
 * Delivers events at least once. Each event goes to one random connection of its app [D] and must be acknowledged with
 * code 200 within the deadline. Otherwise it is pushed again with the same event_id [F]. The events of an app with a
 * webhook are posted there, on the same schedule [D].
 */
export class EventDelivery implements ConnectionListener {
  readonly #options: EventDeliveryOptions
  readonly #pushes = new Map<string, Push>()
  /** Events by app that wait for a connection, or for the first ping of an open one. */
  readonly #held = new Map<string, Attempt[]>()
  #isStopped = false

  constructor(options: EventDeliveryOptions) {
    this.#options = options
  }

  deliver(event: PlatformEvent): void {
    this.#push({ event, payload: this.#payloadOf(event), attempt: 1 })
  }

  /** Delivers a callback. It must be answered within the deadline and is not pushed again. [D] */
  call(event: PlatformEvent): Promise<CallbackAnswer> {
    const answer = deferred<CallbackAnswer>()
    this.#push({ event, payload: this.#payloadOf(event), attempt: 1, answer })
    return answer.promise
  }

  /** Ends all open callbacks with a timeout. */
  stop(): void {
    this.#isStopped = true
    const held = [...this.#held.values()].flat()
    for (const { answer } of [...this.#pushes.values(), ...held]) answer?.resolve({ kind: 'timeout' })
  }

  onReady(connection: GatewayConnection): void {
    this.#releaseHeld(connection.appId)
  }

  onClose(connection: GatewayConnection): void {
    this.#releaseHeld(connection.appId)
  }

  onAck(connection: GatewayConnection, deliveryId: string, ack: GatewayAck): void {
    const { assumptions, history } = this.#options
    const push = this.#pushes.get(deliveryId)
    if (push === undefined || push.event.appId !== connection.appId) return
    if (assumptions.foreignAck === 'ignored' && push.connection !== connection) return
    this.#pushes.delete(deliveryId)
    push.connection.unackedIds.delete(deliveryId)
    push.cancelDeadline()
    const latencyMs = performance.now() - push.pushedAt
    if (push.answer !== undefined) return this.#onAnswer(push, ack, latencyMs, push.isOverdue)
    const { code } = ack
    history.append({
      kind: 'acked',
      ...describe(push),
      deliveryId,
      connectionId: connection.id,
      code,
      latencyMs,
      late: push.isOverdue,
    })
    if (code !== 200 && !push.isOverdue) this.#redeliver(push)
    if (code === 200 && assumptions.lateAck === 'counts') push.cancelRedelivery?.()
  }

  #onAnswer({ event, answer }: Attempt, ack: GatewayAck, latencyMs: number, late: boolean): void {
    const { appId, eventId } = event
    this.#options.history.append({ kind: 'callback_answered', appId, eventId, ...ack, latencyMs, late })
    answer?.resolve({ kind: 'answered', ...ack, latencyMs })
  }

  #payloadOf(event: PlatformEvent): Uint8Array {
    return toPayload(event, this.#options.verificationTokenOf(event.appId))
  }

  #push(attempt: Attempt): void {
    const { event } = attempt
    const { history, clock, random, connectionsOf, webhooks, ackDeadlineMs, assumptions } = this.#options
    const webhook = webhooks.webhookOf(event.appId)
    if (webhook !== undefined) return void this.#post(webhook, attempt)
    const connections = connectionsOf(event.appId)
    const ready = connections.filter(({ state }) => state === 'ready')
    const connection = ready[Math.floor(random() * ready.length)]
    if (connection === undefined) {
      const isAwaited = attempt.answer === undefined && assumptions.whileOffline === 'waits'
      if (isAwaited || connections.some(({ state }) => state === 'opening')) return this.#hold(attempt)
      return this.#onUnreachable(attempt)
    }
    const deliveryId = attempt.deliveryId ?? newId()
    history.append({ kind: 'pushed', ...describe(attempt), deliveryId, connectionId: connection.id })
    this.#pushes.set(deliveryId, {
      ...attempt,
      deliveryId,
      connection,
      pushedAt: performance.now(),
      isOverdue: false,
      cancelDeadline: clock.after(ackDeadlineMs, () => this.#onDeadline(deliveryId)),
    })
    connection.push(deliveryId, attempt.payload)
  }

  async #post(webhook: Webhook, attempt: Attempt): Promise<void> {
    const { history, webhooks } = this.#options
    const deliveryId = newId()
    history.append({ kind: 'pushed', ...describe(attempt), deliveryId, connectionId: WEBHOOK })
    const pushedAt = performance.now()
    const answer = await webhooks.push(webhook, attempt.event.eventId, attempt.payload, deliveryId)
    if (!this.#isStopped) this.#onWebhookAnswer(attempt, deliveryId, answer, performance.now() - pushedAt)
  }

  #onWebhookAnswer(attempt: Attempt, deliveryId: string, answer: PushAnswer, latencyMs: number): void {
    const { history } = this.#options
    if (answer.kind === 'unreachable') return this.#onUnreachable(attempt)
    if (answer.kind === 'timeout') {
      attempt.answer?.resolve({ kind: 'timeout' })
      history.append({ kind: 'ack_timeout', ...describe(attempt), deliveryId })
      this.#redeliver(attempt)
      return
    }
    const { status: code, data } = answer
    if (attempt.answer !== undefined) {
      return this.#onAnswer(attempt, { code, ...(data !== undefined && { data }) }, latencyMs, false)
    }
    history.append({
      kind: 'acked',
      ...describe(attempt),
      deliveryId,
      connectionId: WEBHOOK,
      code,
      latencyMs,
      late: false,
    })
    if (code !== 200) this.#redeliver(attempt)
  }

  #onUnreachable(attempt: Attempt): void {
    this.#options.history.append({ kind: 'push_failed', ...describe(attempt) })
    attempt.answer?.resolve({ kind: 'unreachable' })
    this.#redeliver(attempt)
  }

  #onDeadline(deliveryId: string): void {
    const push = this.#pushes.get(deliveryId)
    if (push === undefined) return
    push.isOverdue = true
    push.answer?.resolve({ kind: 'timeout' })
    push.connection.unackedIds.delete(deliveryId)
    this.#options.history.append({ kind: 'ack_timeout', ...describe(push), deliveryId })
    push.cancelRedelivery = this.#redeliver(push)
  }

  /** Schedules the next attempt, or gives the event up. Returns the function that cancels it. */
  #redeliver({ event, payload, attempt, answer, deliveryId }: Attempt): () => void {
    const { history, clock, timeScale, assumptions } = this.#options
    if (answer !== undefined) return () => {}
    const delayMs = REDELIVERY_MS[attempt - 1]
    if (delayMs === undefined) {
      history.append({ kind: 'given_up', appId: event.appId, eventId: event.eventId, messageId: event.messageId })
      return () => {}
    }
    const keepsId = assumptions.redeliveredFrameId === 'same' && deliveryId !== undefined
    const next = { event, payload, attempt: attempt + 1, ...(keepsId && { deliveryId }) }
    return clock.after(delayMs * timeScale, () => this.#push(next))
  }

  #hold(attempt: Attempt): void {
    const { appId } = attempt.event
    this.#held.set(appId, [...(this.#held.get(appId) ?? []), attempt])
  }

  #releaseHeld(appId: string): void {
    const held = this.#held.get(appId) ?? []
    this.#held.delete(appId)
    for (const attempt of held) this.#push(attempt)
  }
}

function describe({ event, attempt }: Attempt): {
  appId: string
  eventId: string
  messageId: string
  attempt: number
} {
  return { appId: event.appId, eventId: event.eventId, messageId: event.messageId, attempt }
}
