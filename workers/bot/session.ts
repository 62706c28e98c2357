import type { Clock } from '../../src/core/clock.ts'
import { deferred } from '../../src/core/deferred.ts'
import type { Logger } from '../../src/core/logger.ts'
import type { BotBoot } from '../../src/protocol/boot.ts'
import type { BotControl } from '../../src/protocol/control.ts'
import type { ConnectionStatus } from '../../src/protocol/status.ts'
import { Connection } from './connection.ts'
import { type ConnectionEvent, type ConnectionState, stepConnection } from './connection-lifecycle.ts'
import type { Http } from './http.ts'
import type { Inlet } from './inlet.ts'

export interface SessionDependencies {
  readonly boot: BotBoot
  readonly inlet: Inlet
  readonly http: Http
  readonly logger: Logger
  readonly clock: Clock
  readonly random: () => number
  report(status: ConnectionStatus): void
}

/** One bot's connection over time: performs what the connection table decides, and reports every change. */
export class Session implements BotControl {
  readonly #deps: SessionDependencies
  #state: ConnectionState
  #connection: Connection | undefined
  #unschedule: () => void = () => {}
  #connectedAt: number | undefined
  #lastPongAt: number | undefined

  constructor(deps: SessionDependencies) {
    this.#deps = deps
    this.#state = { name: 'idle', since: deps.clock.now() }
  }

  async connect(): Promise<void> {
    this.#step({ kind: 'connect' })
  }

  async drain(graceMs: number): Promise<void> {
    const { inlet, clock } = this.#deps
    // Events that still arrive meanwhile are stored too; what is pushed after the close is redelivered.
    const grace = deferred()
    const cancel = clock.after(graceMs, grace.resolve)
    await Promise.race([inlet.idle(), grace.promise])
    cancel()
    this.#step({ kind: 'disconnect' })
  }

  #step(event: ConnectionEvent): void {
    const { clock, random, boot } = this.#deps
    const { state, effects } = stepConnection(this.#state, event, clock.now(), random(), boot.connection)
    const hasChanged = state !== this.#state
    this.#state = state
    for (const effect of effects) {
      if (effect.kind === 'open') this.#open()
      if (effect.kind === 'close') this.#connection?.close()
      if (effect.kind === 'unschedule' || effect.kind === 'schedule') this.#unschedule()
      if (effect.kind === 'schedule') {
        this.#unschedule = clock.after(effect.at - clock.now(), () => this.#step({ kind: 'due' }))
      }
    }
    if (hasChanged) this.#report()
  }

  #open(): void {
    const { boot, inlet, http, logger, clock } = this.#deps
    this.#connection = new Connection({
      appId: boot.appId,
      appSecret: boot.appSecret,
      domain: boot.domain,
      attemptTimeoutMs: boot.connection.attemptTimeoutMs,
      pongTimeoutMs: boot.connection.pongTimeoutMs,
      dispatcher: inlet,
      http,
      logger,
      clock,
      opened: () => {
        this.#connectedAt = clock.now()
        this.#step({ kind: 'opened' })
      },
      ponged: () => {
        this.#lastPongAt = clock.now()
        this.#report()
      },
      ended: (trouble) => this.#step({ kind: 'ended', trouble }),
    })
    this.#connection.open()
  }

  #report(): void {
    this.#deps.report(connectionStatus(this.#state, this.#connectedAt, this.#lastPongAt, this.#deps.inlet.lastEventAt))
  }
}

function connectionStatus(
  state: ConnectionState,
  connectedAt: number | undefined,
  lastPongAt: number | undefined,
  lastEventAt: number | undefined,
): ConnectionStatus {
  return {
    state: state.name,
    since: state.since,
    attempt: state.name === 'idle' ? 0 : state.attempt,
    ...(state.name === 'connected' && connectedAt !== undefined ? { connectedAt } : {}),
    ...(lastPongAt === undefined ? {} : { lastPongAt }),
    ...(lastEventAt === undefined ? {} : { lastEventAt }),
    ...('trouble' in state && state.trouble !== undefined ? { trouble: state.trouble } : {}),
    ...('nextAt' in state ? { nextAt: state.nextAt } : {}),
  }
}
