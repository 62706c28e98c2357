import { assertNever } from '../core/assert-never.ts'
import type { Clock } from '../core/clock.ts'
import type { LogRecord } from '../core/logger.ts'
import type { BotControl } from '../protocol/control.ts'
import type { BotSignal } from '../protocol/signal.ts'
import type { BotStatus, ConnectionStatus } from '../protocol/status.ts'
import {
  type Child,
  type ChildEffect,
  type ChildEvent,
  childStatus,
  newChild,
  stepChild,
} from '../core/child-lifecycle.ts'
import type { ObservedExit } from '../core/exit-reason.ts'
import type { RestartPolicy } from '../core/restart-policy.ts'
import type { BotIdentity, BotThread, SpawnBot } from './spawn.ts'

export interface BotSpec extends BotIdentity {
  readonly name: string
}

export interface BotChildDependencies {
  readonly spec: BotSpec
  readonly spawn: SpawnBot
  readonly policy: RestartPolicy
  readonly clock: Clock
  readonly random: () => number
  /** A new worker is about to run: its data port must be listened to now. */
  spawned(thread: BotThread, incarnation: number): void
  /** The worker of this incarnation is gone. */
  gone(incarnation: number): void
  /** The child's or the connection's state changed. */
  changed(status: BotStatus): void
  log(record: LogRecord): void
}

/** Time for a control call that only starts something. */
const CONTROL_DEADLINE_MS = 5_000

/** Time for the acknowledgements in flight when an operator restarts a bot. */
const RESTART_GRACE_MS = 2_000

/** Drives one bot worker: feeds events to the child table and performs its effects. */
export class BotChild {
  readonly #deps: BotChildDependencies
  #spec: BotSpec
  #child: Child
  #thread: BotThread | undefined
  #connection: ConnectionStatus
  #connects = false
  #unschedule: () => void = () => {}
  #waiting: { readonly isMet: () => boolean; readonly resolve: () => void }[] = []

  constructor(deps: BotChildDependencies) {
    this.#deps = deps
    this.#spec = deps.spec
    this.#child = newChild(deps.clock.now())
    this.#connection = idleConnection(deps.clock.now())
  }

  get status(): BotStatus {
    const { policy, clock } = this.#deps
    return {
      botId: this.#spec.botId,
      name: this.#spec.name,
      child: childStatus(this.#child, policy, clock.now()),
      connection: this.#connection,
    }
  }

  start(): void {
    this.#step({ kind: 'start' })
  }

  /**
   * Its worker, now and after every restart, keeps a connection. One that runs is told so: it may have closed its
   * connection, wait for its next attempt or have given up.
   */
  connect(): void {
    this.#connects = true
    if (this.#child.state.name === 'running') this.#order('connect', (remote) => remote.connect())
  }

  /** Its worker, now and after every restart, has no connection and only sends. */
  async disconnect(graceMs: number): Promise<void> {
    this.#connects = false
    await this.drain(graceMs)
  }

  /** Ends a live worker after the acknowledgements in flight, and starts a new one. */
  async restart(): Promise<void> {
    await this.drain(RESTART_GRACE_MS)
    await this.stop()
    this.start()
  }

  /** Ends the thread as a crash would. */
  kill(): void {
    this.#step({ kind: 'kill' })
  }

  /** The worker and its successors go on with the change. */
  reconfigure(change: Pick<BotSpec, 'name' | 'appSecret'>): void {
    this.#spec = { ...this.#spec, ...change }
    this.#order('reconfigure', (remote) => remote.reconfigure({ appSecret: change.appSecret }))
    this.#deps.changed(this.status)
  }

  /** Replaces the bot's connection; resolves when that is done, was of no use, or takes longer than `deadlineMs`. */
  async rotate(mayOverlap: boolean, deadlineMs: number): Promise<void> {
    await this.#thread?.control
      .call('rotate', deadlineMs, (remote) => remote.rotate(mayOverlap))
      .catch(() => {
        // The worker is gone, or its own deadlines end what hangs.
      })
  }

  /** Closes the bot's connection; resolves when that is done, the worker is gone, or `graceMs` is over. */
  async drain(graceMs: number): Promise<void> {
    const thread = this.#thread
    if (thread === undefined) return
    try {
      await thread.control.call('drain', graceMs + 500, (remote) => remote.drain(graceMs))
    } catch {
      // It did not answer or is gone: the worker is terminated next in any case.
    }
  }

  /** Ends the worker for good; resolves once its thread is gone. */
  async stop(): Promise<void> {
    this.#step({ kind: 'stop' })
    await this.#until(() => this.#child.state.name === 'stopped')
  }

  #step(event: ChildEvent): void {
    const { clock, random, policy, changed } = this.#deps
    const { child, effects } = stepChild(this.#child, event, clock.now(), random(), policy)
    if (child === this.#child) return
    this.#child = child
    for (const effect of effects) this.#perform(effect)
    changed(this.status)
    this.#waiting = this.#waiting.filter(({ isMet, resolve }) => {
      if (isMet()) resolve()
      return !isMet()
    })
  }

  #perform(effect: ChildEffect): void {
    switch (effect.kind) {
      case 'spawn':
        this.#spawn(effect.incarnation)
        break
      case 'terminate':
        this.#thread?.terminate()
        break
      case 'schedule':
        this.#unschedule()
        this.#unschedule = this.#deps.clock.after(effect.at - this.#deps.clock.now(), () => this.#step({ kind: 'due' }))
        break
      case 'unschedule':
        this.#unschedule()
        break
      default:
        assertNever(effect)
    }
  }

  #spawn(incarnation: number): void {
    const { spawn, spawned, gone, clock, log } = this.#deps
    const { name: _name, ...identity } = this.#spec
    const exited = (exit: ObservedExit): void => {
      this.#thread = undefined
      this.#connection = idleConnection(clock.now())
      gone(incarnation)
      this.#step({ kind: 'exited', exit })
    }
    let thread: BotThread
    try {
      thread = spawn(identity, incarnation, {
        signal: (signal) => this.#onSignal(signal),
        printed: (message) =>
          log({ at: clock.now(), level: 'info', scope: `bot/${identity.botId}`, message, fields: { printed: true } }),
        exited,
      })
    } catch (value) {
      // The system has no thread left: this bot's trouble, told once the step that is being performed is done.
      queueMicrotask(() => exited({ exitCode: 1, thrown: { value } }))
      return
    }
    this.#thread = thread
    spawned(thread, incarnation)
  }

  #onSignal(signal: BotSignal): void {
    if (signal.incarnation !== this.#child.incarnation) return
    switch (signal.kind) {
      case 'ready':
        this.#step({ kind: 'ready' })
        if (this.#connects) this.#order('connect', (remote) => remote.connect())
        break
      case 'connection':
        this.#connection = signal.status
        this.#deps.changed(this.status)
        break
      case 'log':
        this.#deps.log(signal.record)
        break
      default:
        assertNever(signal)
    }
  }

  /** A worker that does not even take an order is of no use: it is ended as if it had crashed. */
  #order(what: string, run: (remote: BotControl) => Promise<void>): void {
    const thread = this.#thread
    thread?.control.call(what, CONTROL_DEADLINE_MS, run).catch(() => {
      if (this.#thread === thread) this.kill()
    })
  }

  async #until(isMet: () => boolean): Promise<void> {
    if (isMet()) return
    await new Promise<void>((resolve) => this.#waiting.push({ isMet, resolve }))
  }
}

function idleConnection(now: number): ConnectionStatus {
  return { state: 'idle', since: now, attempt: 0 }
}
