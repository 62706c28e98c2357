import { assertNever } from '../core/assert-never.ts'
import type { Clock } from '../core/time/clock.ts'
import { ChildDriver } from '../core/lifecycle/child-driver.ts'
import { isEnding } from '../core/lifecycle/child-state.ts'
import type { ObservedExit } from '../core/lifecycle/exit-reason.ts'
import type { Pulse } from '../core/lifecycle/heartbeat.ts'
import type { LogRecord } from '../core/log/logger.ts'
import { redactText } from '../core/log/redact.ts'
import type { BotControl } from '../protocol/control.ts'
import type { Finding } from '../protocol/model/finding.ts'
import type { ResolvedSupervisionOptions } from '../protocol/options/supervision-options.ts'
import type { BotSignal } from '../protocol/signal.ts'
import { type BotStatus, type ConnectionStatus, type Flood, idleConnection } from '../protocol/model/status.ts'
import { check, drain, rotate } from './bot-orders.ts'
import { childPolicy, END_TIMEOUT_MS, refuseIfCrowded } from './child-policy.ts'
import { FloodGuard } from './flood-guard.ts'
import type { BotSpec, BotThread, SpawnBot } from './spawn.ts'

export interface BotChildDeps {
  readonly spec: BotSpec
  readonly spawn: SpawnBot
  readonly policy: ResolvedSupervisionOptions
  readonly clock: Clock
  readonly random: () => number
  /** Reports a new worker that is about to run. The caller must listen to its data port now. */
  spawned(thread: BotThread, incarnation: number): void
  /** Reports that the worker of this incarnation is gone. */
  gone(incarnation: number): void
  /** Reports a new state of the child or its connection. */
  changed(status: BotStatus): void
  identified(openId: string): void
  log(record: LogRecord): void
}

/** Time limit of a control call that only starts an action, milliseconds. */
const CONTROL_DEADLINE_MS = 5_000

/** Time for the acknowledgements in flight when an operator restarts a bot, milliseconds. */
const RESTART_GRACE_MS = 2_000

/** One bot over all its workers. Keeps whether the bot wants a connection, and passes orders to the current worker. */
export class BotChild {
  readonly #deps: BotChildDeps
  readonly #driver: ChildDriver<BotThread>
  #spec: BotSpec
  #stopCount = 0
  /** Memory and load at the last pulse. */
  #load: Pick<Pulse, 'memoryMb' | 'utilization'> | undefined
  #connection: ConnectionStatus
  #connects = false
  readonly #guard: FloodGuard
  #flood: Flood | undefined

  constructor(deps: BotChildDeps) {
    this.#deps = deps
    this.#spec = deps.spec
    const { policy, clock, random, spawned } = deps
    this.#driver = new ChildDriver({
      policy: childPolicy(policy, () => this.#spec.isolation),
      clock,
      random,
      spawn: (incarnation, exited) => this.#spawn(incarnation, exited),
      spawned,
      gone: (incarnation) => this.#onGone(incarnation),
      changed: () => this.#changed(),
    })
    this.#connection = idleConnection(clock.now())
    this.#guard = new FloodGuard(clock, (cause, isFatal) => this.#onFlood(cause, isFatal))
  }

  get status(): BotStatus {
    return {
      botId: this.#spec.botId,
      name: this.#spec.name,
      child: this.#driver.status,
      connection: this.#connection,
      ...this.#load,
      ...(this.#flood === undefined ? {} : { flood: this.#flood }),
    }
  }

  /** No thread of the bot lives, not even one that was given up. */
  get isOver(): boolean {
    return this.#driver.child.state.name === 'stopped' && this.#driver.child.stuck.length === 0
  }

  /** The next worker gets this specification. */
  start(spec = this.#spec): void {
    this.#spec = spec
    this.#driver.step({ kind: 'start' })
  }

  /**
   * Lets the worker keep a connection, now and after every restart. A running worker gets the order again: it may have
   * closed its connection, wait for its next attempt or have given up.
   */
  connect(): void {
    this.#connects = true
    if (this.#driver.child.state.name === 'running') this.#order('connect', (remote) => remote.connect())
  }

  /** Closes the connection. The worker then only sends, now and after every restart. */
  async disconnect(graceMs: number): Promise<void> {
    this.#connects = false
    await this.drain(graceMs)
  }

  /** Starts a new worker now, in every state: a failed bot is released, a live worker closes its connection first. */
  async restart(): Promise<void> {
    const { incarnation } = this.#driver.child
    const stopCount = this.#stopCount
    await this.drain(RESTART_GRACE_MS)
    // A stop order given meanwhile stands. A worker that was replaced meanwhile is new enough.
    if (stopCount === this.#stopCount && incarnation === this.#driver.child.incarnation)
      this.#driver.step({ kind: 'restart' })
  }

  /** Resolves once an ordered restart has ended the old worker or given it up. Rejects with `WORKER_STUCK` when no further one is started. */
  async restarted(): Promise<void> {
    if (this.#driver.child.state.name === 'stopping') await this.#driver.gone(2 * END_TIMEOUT_MS)
    refuseIfCrowded(this.#driver.child, this.#spec.botId)
  }

  /** Ends the worker as a crash would. */
  kill(): void {
    this.#driver.kill()
  }

  /** Ends the worker of this incarnation as a crash would, because it breaks the protocol of a channel. */
  misbehaved(incarnation: number, cause: string): void {
    if (incarnation === this.#driver.child.incarnation) this.#onFlood(cause, true)
  }

  /** Applies the change to the worker and to all later workers. */
  reconfigure(change: Pick<BotSpec, 'name' | 'appSecret'>): void {
    this.#spec = { ...this.#spec, ...change }
    this.#order('reconfigure', (remote) => remote.reconfigure({ appSecret: change.appSecret }))
    this.#changed()
  }

  /** Replaces the bot's connection. Resolves when that is done or failed, at the latest after `deadlineMs`. */
  async rotate(mayOverlap: boolean, deadlineMs: number): Promise<void> {
    await rotate(this.#orderable, mayOverlap, deadlineMs)
  }

  /** Closes the bot's connection. Resolves when that is done, the worker is gone, or `graceMs` is over. */
  async drain(graceMs: number): Promise<void> {
    await drain(this.#orderable, graceMs)
  }

  /** Lets the worker check its app. Undefined without a worker. Rejects when the worker ends before it answers. */
  async check(useWebSocket: boolean): Promise<readonly Finding[] | undefined> {
    return await check(this.#orderable, useWebSocket)
  }

  /** Ends the worker for good. */
  stop(): void {
    this.#stopCount += 1
    this.#driver.step({ kind: 'stop' })
  }

  /** Resolves once the current worker is gone or given up, at the latest after `deadlineMs`: a thread in native code ends only when that code returns. */
  async gone(deadlineMs: number): Promise<void> {
    await this.#driver.gone(deadlineMs)
  }

  /** The present worker. Undefined when there is none, or it is being ended. */
  get #orderable(): BotThread | undefined {
    return isEnding(this.#driver.child) ? undefined : this.#driver.thread
  }

  #changed(): void {
    // What the worker told last is not the present any more.
    if (isEnding(this.#driver.child) && this.#connection.state !== 'idle')
      this.#connection = idleConnection(this.#deps.clock.now())
    this.#deps.changed(this.status)
  }

  #spawn(incarnation: number, exited: (exit: ObservedExit) => void): BotThread {
    const { name: _name, ...identity } = this.#spec
    this.#guard.forget()
    return this.#deps.spawn(identity, incarnation, {
      signal: (signal) => this.#onSignal(signal),
      printed: (text) => this.#onPrinted(text),
      misbehaved: (cause) => this.misbehaved(incarnation, cause),
      exited,
    })
  }

  #onGone(incarnation: number): void {
    this.#load = undefined
    this.#connection = idleConnection(this.#deps.clock.now())
    this.#deps.gone(incarnation)
  }

  #onPrinted(message: string): void {
    if (!this.#guard.admitsPrint(message)) return
    const line = { level: 'info', scope: `bot/${this.#spec.botId}`, fields: { printed: true } } as const
    this.#deps.log({ ...line, at: this.#deps.clock.now(), message: redactText(message) })
  }

  #onFlood(cause: string, isFatal: boolean): void {
    // The flood that ended the worker is what counts, not what is still read of it.
    if (isEnding(this.#driver.child)) return
    this.#flood = { at: this.#deps.clock.now(), cause, isFatal }
    this.#changed()
    if (isFatal) this.kill()
  }

  #onSignal(signal: BotSignal): void {
    const { child, thread } = this.#driver
    if (!this.#guard.admitsSignal(signal) || signal.incarnation !== child.incarnation || thread === undefined) return
    switch (signal.kind) {
      case 'ready':
        this.#onReady(thread)
        break
      case 'connection':
        this.#connection = signal.status
        this.#changed()
        break
      case 'identified':
        this.#deps.identified(signal.openId)
        break
      case 'log':
        if (this.#guard.admitsLog(signal.record)) this.#deps.log(signal.record)
        break
      default:
        assertNever(signal)
    }
  }

  #onReady(thread: BotThread): void {
    this.#driver.ready(() => {
      const pulse = thread.pulse()
      this.#load = { memoryMb: pulse.memoryMb, utilization: pulse.utilization }
      return pulse
    })
    if (this.#connects) this.#order('connect', (remote) => remote.connect())
  }

  /** Sends an order to the worker. A worker that does not take the order is ended as a crash would end it. */
  #order(what: string, run: (remote: BotControl) => Promise<void>): void {
    const thread = this.#orderable
    thread?.control.call(what, CONTROL_DEADLINE_MS, run).catch(() => {
      if (this.#driver.thread === thread) this.kill()
    })
  }
}
