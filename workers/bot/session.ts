import type { Clock } from '../../src/core/clock.ts'
import { deferred } from '../../src/core/deferred.ts'
import type { Logger } from '../../src/core/logger.ts'
import type { BotBoot } from '../../src/protocol/boot.ts'
import type { BotControl } from '../../src/protocol/control.ts'
import type { ConnectionStatus } from '../../src/protocol/status.ts'
import { Connection } from './connection.ts'
import { type ConnectionEvent, type ConnectionState, stepConnection } from './connection-lifecycle.ts'
import { DroppedFrames } from './dropped-frames.ts'
import type { Http } from './http.ts'
import type { Inlet } from './inlet.ts'
import type { Credentials } from './tokens.ts'

export interface SessionDependencies {
  readonly boot: BotBoot
  readonly credentials: Credentials
  readonly inlet: Inlet
  readonly http: Http
  readonly logger: Logger
  readonly clock: Clock
  readonly random: () => number
  report(status: ConnectionStatus): void
}

/** Room for an event above `maxPayloadBytes`, which becomes a dead letter; no frame and no set of fragments is larger. */
const LEAST_FRAME_LIMIT = 16 * 1024 * 1024

/** One bot's connection over time: performs what the connection table decides, and reports every change. */
export class Session implements BotControl {
  readonly #deps: SessionDependencies
  readonly #dropped: DroppedFrames
  #state: ConnectionState
  #connection: Connection | undefined
  #unschedule: () => void = () => {}
  #connectedAt: number | undefined
  #lastPongAt: number | undefined

  constructor(deps: SessionDependencies) {
    this.#deps = deps
    this.#dropped = new DroppedFrames(deps.logger)
    this.#state = { name: 'idle', since: deps.clock.now() }
  }

  async connect(): Promise<void> {
    this.#step({ kind: 'connect' })
  }

  async reconfigure({ appSecret }: { readonly appSecret: string }): Promise<void> {
    this.#deps.credentials.appSecret = appSecret
    this.#step({ kind: 'reconfigured' })
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
    const { boot, credentials, inlet, http, logger, clock } = this.#deps
    this.#connection = new Connection({
      ...boot.connection,
      appId: boot.appId,
      appSecret: credentials.appSecret,
      domain: boot.domain,
      maxFrameBytes: Math.max(LEAST_FRAME_LIMIT, 2 * boot.connection.maxPayloadBytes),
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
      dropped: (reason) => this.#dropped.add(reason),
      ended: (trouble) => this.#step({ kind: 'ended', trouble }),
    })
    this.#connection.open()
  }

  #report(): void {
    const { inlet, report } = this.#deps
    const state = this.#state
    report({
      state: state.name,
      since: state.since,
      attempt: state.name === 'idle' ? 0 : state.attempt,
      ...(state.name === 'connected' ? given('connectedAt', this.#connectedAt) : {}),
      ...given('lastPongAt', this.#lastPongAt),
      ...given('lastEventAt', inlet.lastEventAt),
      ...given('trouble', 'trouble' in state ? state.trouble : undefined),
      ...given('nextAt', 'nextAt' in state ? state.nextAt : undefined),
      ...given('droppedFrames', this.#dropped.count),
    })
  }
}

function given<K extends string, V>(name: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { [P in K]: V })
}
