import type { Clock } from '../core/clock.ts'
import { type Deferred, deferred } from '../core/deferred.ts'
import type { CallbackAnswer } from './callback-answer.ts'
import type { Ack, ConnectionListener, GatewayConnection } from './gateway-connection.ts'
import type { History } from './history.ts'
import { newId } from './ids.ts'
import type { PlatformEvent } from './platform-event.ts'

/** Waits before the redeliveries: 15 s, 5 min, 1 h, 6 h, then the event is given up. [D] */
const REDELIVERY_MS = [15_000, 300_000, 3_600_000, 21_600_000] as const

export interface EventDeliveryOptions {
  /** Multiplies the waits before redeliveries. */
  readonly timeScale: number
  readonly ackDeadlineMs: number
  /** Numbers in [0, 1). */
  readonly random: () => number
  readonly connectionsOf: (appId: string) => readonly GatewayConnection[]
  readonly clock: Clock
  readonly history: History
}

interface Attempt {
  readonly event: PlatformEvent
  /** A callback's; it is pushed once. */
  readonly answer?: Deferred<CallbackAnswer>
  /** From 1. */
  readonly attempt: number
}

interface Push extends Attempt {
  readonly connection: GatewayConnection
  readonly pushedAt: number
  isOverdue: boolean
  cancelDeadline(): void
}

/**
 * Delivers events at least once: each goes to one random connection of its app [D], must be acknowledged with
 * code 200 within the deadline, and is otherwise pushed again with the same event_id [F] and a new message_id
 * header [A]. Without a connection the first push fails at once and the schedule goes on from there. [A]
 *
 * An acknowledgement counts on any connection of the app [A]; after the deadline it changes nothing any more [A].
 */
export class EventDelivery implements ConnectionListener {
  readonly #options: EventDeliveryOptions
  readonly #pushes = new Map<string, Push>()
  /** By app: waiting for the first ping of a connection that is already open. */
  readonly #held = new Map<string, Attempt[]>()

  constructor(options: EventDeliveryOptions) {
    this.#options = options
  }

  deliver(event: PlatformEvent): void {
    this.#push({ event, attempt: 1 })
  }

  /** Delivers a callback: it has to be answered within the deadline, and is not pushed again. [D] */
  call(event: PlatformEvent): Promise<CallbackAnswer> {
    const answer = deferred<CallbackAnswer>()
    this.#push({ event, attempt: 1, answer })
    return answer.promise
  }

  /** Nothing is answered any more. */
  stop(): void {
    const held = [...this.#held.values()].flat()
    for (const { answer } of [...this.#pushes.values(), ...held]) answer?.resolve({ kind: 'timeout' })
  }

  onReady(connection: GatewayConnection): void {
    this.#releaseHeld(connection.appId)
  }

  onClose(connection: GatewayConnection): void {
    this.#releaseHeld(connection.appId)
  }

  onAck(connection: GatewayConnection, deliveryId: string, ack: Ack): void {
    const push = this.#pushes.get(deliveryId)
    if (push === undefined || push.event.appId !== connection.appId) return
    this.#pushes.delete(deliveryId)
    push.connection.unackedIds.delete(deliveryId)
    push.cancelDeadline()
    const latencyMs = performance.now() - push.pushedAt
    if (push.answer !== undefined) return this.#onAnswer(push, ack, latencyMs)
    const { code } = ack
    this.#options.history.append({
      kind: 'acked',
      ...describe(push),
      deliveryId,
      connectionId: connection.id,
      code,
      latencyMs,
      late: push.isOverdue,
    })
    if (code !== 200 && !push.isOverdue) this.#redeliver(push)
  }

  #onAnswer({ event, answer, isOverdue }: Push, ack: Ack, latencyMs: number): void {
    const { appId, eventId } = event
    this.#options.history.append({ kind: 'callback_answered', appId, eventId, ...ack, latencyMs, late: isOverdue })
    answer?.resolve({ kind: 'answered', ...ack, latencyMs })
  }

  #push(attempt: Attempt): void {
    const { event } = attempt
    const { history, clock, random, connectionsOf, ackDeadlineMs } = this.#options
    const connections = connectionsOf(event.appId)
    const ready = connections.filter(({ state }) => state === 'ready')
    const connection = ready[Math.floor(random() * ready.length)]
    if (connection === undefined) {
      if (connections.some(({ state }) => state === 'opening')) return this.#hold(attempt)
      history.append({ kind: 'push_failed', ...describe(attempt) })
      attempt.answer?.resolve({ kind: 'unreachable' })
      return this.#redeliver(attempt)
    }
    const deliveryId = newId()
    history.append({ kind: 'pushed', ...describe(attempt), deliveryId, connectionId: connection.id })
    this.#pushes.set(deliveryId, {
      ...attempt,
      connection,
      pushedAt: performance.now(),
      isOverdue: false,
      cancelDeadline: clock.after(ackDeadlineMs, () => this.#onDeadline(deliveryId)),
    })
    connection.push(deliveryId, event.payload)
  }

  #onDeadline(deliveryId: string): void {
    const push = this.#pushes.get(deliveryId)
    if (push === undefined) return
    push.isOverdue = true
    push.answer?.resolve({ kind: 'timeout' })
    push.connection.unackedIds.delete(deliveryId)
    this.#options.history.append({ kind: 'ack_timeout', ...describe(push), deliveryId })
    this.#redeliver(push)
  }

  #redeliver({ event, attempt, answer }: Attempt): void {
    const { history, clock, timeScale } = this.#options
    if (answer !== undefined) return
    const delayMs = REDELIVERY_MS[attempt - 1]
    if (delayMs === undefined) {
      history.append({ kind: 'given_up', appId: event.appId, eventId: event.eventId, messageId: event.messageId })
      return
    }
    clock.after(delayMs * timeScale, () => this.#push({ event, attempt: attempt + 1 }))
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
