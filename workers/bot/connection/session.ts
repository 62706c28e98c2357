import type { Clock } from '../../../src/core/time/clock.ts'
import { type Deferred, deferred } from '../../../src/core/time/deferred.ts'
import type { Logger } from '../../../src/core/log/logger.ts'
import type { BotBoot } from '../../../src/protocol/boot.ts'
import type { BotControl } from '../../../src/protocol/control.ts'
import type { ConnectionStatus, ConnectionTrouble } from '../../../src/protocol/model/status.ts'
import { Connection } from './connection.ts'
import { type ConnectionEvent, type ConnectionState, stepConnection } from './connection-lifecycle.ts'
import { networkTrouble } from './connection-trouble.ts'
import { DroppedFrames } from './dropped-frames.ts'
import type { Http } from '../http/http.ts'
import type { EventRelay } from './event-relay.ts'
import { PresenceCheck } from './presence-check.ts'
import type { Egress } from '../http/egress.ts'
import type { Credentials } from '../api/tokens.ts'

export interface SessionDeps {
  readonly boot: BotBoot
  readonly credentials: Credentials
  readonly eventRelay: EventRelay
  readonly http: Http
  readonly egress: Egress
  readonly logger: Logger
  readonly clock: Clock
  readonly random: () => number
  /** Number of the app's connections by Feishu's count. */
  onlineCount(): Promise<number | undefined>
  report(status: ConnectionStatus): void
}

/** Lower bound for the limit of a frame or a set of fragments. It leaves room for an event above `maxPayloadBytes`, which becomes a dead letter. */
const MIN_FRAME_LIMIT = 16 * 1024 * 1024

/** One bot's connection over time. Performs the effects of the connection table and reports every change. */
export class Session implements Omit<BotControl, 'check'> {
  readonly #deps: SessionDeps
  readonly #dropped: DroppedFrames
  readonly #presence: PresenceCheck
  #state: ConnectionState
  #connection: Connection | undefined
  /** New connection that is being opened while the present one is still open. */
  #successor: Connection | undefined
  /** Replaced connection, open until its events are acknowledged. */
  #retired: Connection | undefined
  #rotation: Deferred<void> | undefined
  #unschedule: () => void = () => {}
  #connectedAt: number | undefined
  #lastPongAt: number | undefined
  #foreignConnections: number | undefined

  constructor(deps: SessionDeps) {
    this.#deps = deps
    this.#dropped = new DroppedFrames(deps.logger)
    this.#state = { name: 'idle', since: deps.clock.now() }
    this.#presence = new PresenceCheck({
      everyMs: deps.boot.connection.presenceCheckMs,
      clock: deps.clock,
      count: () => deps.onlineCount(),
      zombie: () => this.#onZombie(),
      foreign: (count) => {
        this.#foreignConnections = count === 0 ? undefined : count
        this.#report()
      },
    })
  }

  async connect(): Promise<void> {
    this.#step({ kind: 'connect' })
  }

  async reconfigure({ appSecret }: { readonly appSecret: string }): Promise<void> {
    this.#deps.credentials.appSecret = appSecret
    this.#step({ kind: 'reconfigured' })
  }

  async rotate(mayOverlap: boolean): Promise<void> {
    if (this.#state.name !== 'connected') return
    if (mayOverlap) {
      this.#rotation = deferred()
      this.#step({ kind: 'rotate', mayOverlap })
      await this.#rotation.promise
    } else {
      await this.#waitUntilIdle(this.#deps.boot.connection.acceptTimeoutMs)
      this.#step({ kind: 'rotate', mayOverlap })
    }
  }

  async drain(graceMs: number): Promise<void> {
    // Events that arrive meanwhile are stored too. Events pushed after the close are redelivered.
    await this.#waitUntilIdle(graceMs)
    this.#step({ kind: 'disconnect' })
  }

  /** Resolves when every event is acknowledged, at the latest after `graceMs`. */
  async #waitUntilIdle(graceMs: number): Promise<void> {
    const { eventRelay, clock } = this.#deps
    const grace = deferred()
    const cancel = clock.after(graceMs, grace.resolve)
    await Promise.race([eventRelay.idle(), grace.promise])
    cancel()
  }

  #step(event: ConnectionEvent): void {
    const { clock, random, boot } = this.#deps
    const before = this.#state
    const { state, effects } = stepConnection(before, event, clock.now(), random(), boot.connection)
    this.#state = state
    for (const effect of effects) {
      if (effect.kind === 'open') this.#open()
      if (effect.kind === 'close') this.#close()
      if (effect.kind === 'retire') void this.#retire()
      if (effect.kind === 'unschedule' || effect.kind === 'schedule') this.#unschedule()
      if (effect.kind === 'schedule') {
        this.#unschedule = clock.after(effect.at - clock.now(), () => this.#step({ kind: 'due' }))
      }
    }
    if (state === before) return
    if (state.name === 'connected' && before.name !== 'rotating') this.#presence.start()
    if (state.name !== 'connected' && state.name !== 'rotating') this.#presence.stop()
    this.#report()
  }

  #open(): void {
    const { boot, credentials, eventRelay, http, egress, logger, clock } = this.#deps
    const connection: Connection = new Connection({
      ...boot.connection,
      appId: boot.appId,
      appSecret: credentials.appSecret,
      domain: boot.domain,
      maxFrameBytes: Math.max(MIN_FRAME_LIMIT, 2 * boot.connection.maxPayloadBytes),
      dispatcher: eventRelay,
      http,
      egress,
      logger,
      clock,
      opened: () => {
        // A successor takes over only after its first pong.
        if (connection !== this.#successor) this.#onOpened()
      },
      ponged: () => {
        this.#lastPongAt = clock.now()
        // `connecting`: the successor had to take over before its first pong.
        if (connection === this.#successor || this.#state.name === 'connecting') this.#onOpened()
        else this.#report()
      },
      dropped: (reason) => this.#dropped.add(reason),
      ended: (trouble) => this.#onEnded(connection, trouble),
    })
    if (this.#state.name === 'rotating') this.#successor = connection
    else this.#connection = connection
    connection.open()
  }

  #close(): void {
    this.#connection?.close()
    this.#successor?.close()
    this.#retired?.close()
    this.#successor = undefined
    this.#rotation?.resolve()
  }

  #onOpened(): void {
    this.#connectedAt = this.#deps.clock.now()
    this.#step({ kind: 'opened' })
  }

  #onEnded(connection: Connection, trouble: ConnectionTrouble): void {
    if (connection === this.#successor) {
      this.#deps.logger.warn(`the fresh connection failed, the old one stays: ${trouble.message}`)
      this.#successor = undefined
      this.#rotation?.resolve()
      this.#step({ kind: 'successor_ended' })
    } else if (connection === this.#connection) {
      this.#promote()
      this.#step({ kind: 'ended', trouble })
    }
  }

  #onZombie(): void {
    this.#connection?.close()
    const text = 'Feishu counts no connection of this app although one is open'
    if (this.#connection !== undefined) this.#onEnded(this.#connection, networkTrouble('EZOMBIE', text))
  }

  /** Makes the successor, if there is one, the present connection. */
  #promote(): void {
    if (this.#successor === undefined) return
    this.#connection = this.#successor
    this.#successor = undefined
    this.#rotation?.resolve()
  }

  /**
   * Closes the old connection after its events are acknowledged: an acknowledgement must use the connection of its event.
   * Feishu cannot be asked to stop pushing on a connection. Events pushed at the moment of the close are redelivered.
   */
  async #retire(): Promise<void> {
    const [old, rotation] = [this.#connection, this.#rotation]
    this.#retired = old
    this.#rotation = undefined
    this.#promote()
    await this.#waitUntilIdle(this.#deps.boot.connection.acceptTimeoutMs)
    old?.close()
    rotation?.resolve()
  }

  #report(): void {
    const { eventRelay, report } = this.#deps
    const state = this.#state
    report({
      state: state.name === 'rotating' ? 'connected' : state.name,
      since: state.since,
      attempt: state.name === 'idle' ? 0 : state.attempt,
      ...(state.name === 'connected' || state.name === 'rotating' ? given('connectedAt', this.#connectedAt) : {}),
      ...given('lastPongAt', this.#lastPongAt),
      ...given('lastEventAt', eventRelay.lastEventAt),
      ...given('trouble', 'trouble' in state ? state.trouble : undefined),
      ...given('nextAt', 'nextAt' in state ? state.nextAt : undefined),
      ...given('droppedFrames', this.#dropped.counts),
      ...given('foreignConnections', this.#foreignConnections),
    })
  }
}

function given<K extends string, V>(name: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { [P in K]: V })
}
