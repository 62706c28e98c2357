import { assertNever } from '../core/assert-never.ts'
import type { Clock } from '../core/time/clock.ts'
import { ChildDriver } from '../core/lifecycle/child-driver.ts'
import type { ObservedExit } from '../core/lifecycle/exit-reason.ts'
import type { Pulse } from '../core/lifecycle/heartbeat.ts'
import type { LogRecord } from '../core/log/logger.ts'
import { redactText } from '../core/log/redact.ts'
import type { BotControl } from '../protocol/control.ts'
import type { Finding } from '../protocol/model/finding.ts'
import type { ResolvedSupervisionOptions } from '../protocol/options/supervision-options.ts'
import type { BotSignal } from '../protocol/signal.ts'
import { type BotStatus, type ConnectionStatus, type Flood, idleConnection } from '../protocol/model/status.ts'
import { FloodGuard } from './flood-guard.ts'
import type { BotThread, IsolatedBot, SpawnBot } from './spawn.ts'

export interface BotSpec extends IsolatedBot {
  readonly name: string
}

export interface BotChildDeps {
  readonly spec: BotSpec
  readonly spawn: SpawnBot
  readonly policy: ResolvedSupervisionOptions
  readonly clock: Clock
  readonly random: () => number
  /** A new worker is about to run: its data port must be listened to now. */
  spawned(thread: BotThread, incarnation: number): void
  /** The worker of this incarnation is gone. */
  gone(incarnation: number): void
  /** The child's or the connection's state changed. */
  changed(status: BotStatus): void
  identified(openId: string): void
  log(record: LogRecord): void
}

/** Time for a control call that only starts something. */
const CONTROL_DEADLINE_MS = 5_000

const CHECK_DEADLINE_MS = 60_000

/** Time for the acknowledgements in flight when an operator restarts a bot. */
const RESTART_GRACE_MS = 2_000

/** One bot over all its workers: its connection is wanted or not, its orders reach the worker of the moment. */
export class BotChild {
  readonly #deps: BotChildDeps
  readonly #driver: ChildDriver<BotThread>
  #spec: BotSpec
  #stopCount = 0
  /** At the last look. */
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
      policy,
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

  start(): void {
    this.#driver.step({ kind: 'start' })
  }

  /**
   * Its worker, now and after every restart, keeps a connection. One that runs is told so: it may have closed its
   * connection, wait for its next attempt or have given up.
   */
  connect(): void {
    this.#connects = true
    if (this.#driver.child.state.name === 'running') this.#order('connect', (remote) => remote.connect())
  }

  /** Its worker, now and after every restart, has no connection and only sends. */
  async disconnect(graceMs: number): Promise<void> {
    this.#connects = false
    await this.drain(graceMs)
  }

  /** A new worker now, whatever the past: a failed bot is released, a live one closes its connection before. */
  async restart(): Promise<void> {
    const { incarnation } = this.#driver.child
    const stopCount = this.#stopCount
    await this.drain(RESTART_GRACE_MS)
    // Whoever stopped the bot meanwhile meant it; a worker that is new already needs no other.
    if (stopCount === this.#stopCount && incarnation === this.#driver.child.incarnation)
      this.#driver.step({ kind: 'restart' })
  }

  /** Ends the thread as a crash would. */
  kill(): void {
    this.#driver.kill()
  }

  /** The worker of this incarnation breaks the rules of a wire that others read: it is ended as if it had crashed. */
  misbehaved(incarnation: number, cause: string): void {
    if (incarnation === this.#driver.child.incarnation) this.#onFlood(cause, true)
  }

  /** The worker and its successors go on with the change. */
  reconfigure(change: Pick<BotSpec, 'name' | 'appSecret'>): void {
    this.#spec = { ...this.#spec, ...change }
    this.#order('reconfigure', (remote) => remote.reconfigure({ appSecret: change.appSecret }))
    this.#changed()
  }

  /** Replaces the bot's connection; resolves when that is done, was of no use, or takes longer than `deadlineMs`. */
  async rotate(mayOverlap: boolean, deadlineMs: number): Promise<void> {
    await this.#driver.thread?.control
      .call('rotate', deadlineMs, (remote) => remote.rotate(mayOverlap))
      .catch(() => {
        // The worker is gone, or its own deadlines end what hangs.
      })
  }

  /** Closes the bot's connection; resolves when that is done, the worker is gone, or `graceMs` is over. */
  async drain(graceMs: number): Promise<void> {
    const thread = this.#driver.thread
    if (thread === undefined) return
    try {
      await thread.control.call('drain', graceMs + 500, (remote) => remote.drain(graceMs))
    } catch {
      // It did not answer or is gone: the worker is terminated next in any case.
    }
  }

  /** What the worker finds out about its app; undefined if there is none. Rejects when it ends before. */
  async check(useWebSocket: boolean): Promise<readonly Finding[] | undefined> {
    return await this.#driver.thread?.control.call('check', CHECK_DEADLINE_MS, (remote) => remote.check(useWebSocket))
  }

  /** Ends the worker for good. */
  stop(): void {
    this.#stopCount += 1
    this.#driver.step({ kind: 'stop' })
  }

  /** Resolves once the thread of now is gone, at the latest after `deadlineMs`: one that sits in native code ends when that returns. */
  async gone(deadlineMs: number): Promise<void> {
    await this.#driver.gone(deadlineMs)
  }

  #changed(): void {
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
    const { clock, log } = this.#deps
    const scope = `bot/${this.#spec.botId}`
    log({ at: clock.now(), level: 'info', scope, message: redactText(message), fields: { printed: true } })
  }

  #onFlood(cause: string, isFatal: boolean): void {
    this.#flood = { at: this.#deps.clock.now(), cause, isFatal }
    this.#changed()
    if (isFatal) this.kill()
  }

  #onSignal(signal: BotSignal): void {
    if (!this.#guard.admitsSignal(signal) || signal.incarnation !== this.#driver.child.incarnation) return
    switch (signal.kind) {
      case 'ready':
        this.#onReady()
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

  #onReady(): void {
    const { thread } = this.#driver
    if (thread === undefined) return
    this.#driver.ready(() => {
      const pulse = thread.pulse()
      this.#load = { memoryMb: pulse.memoryMb, utilization: pulse.utilization }
      return pulse
    })
    if (this.#connects) this.#order('connect', (remote) => remote.connect())
  }

  /** A worker that does not even take an order is of no use: it is ended as if it had crashed. */
  #order(what: string, run: (remote: BotControl) => Promise<void>): void {
    const thread = this.#driver.thread
    thread?.control.call(what, CONTROL_DEADLINE_MS, run).catch(() => {
      if (this.#driver.thread === thread) this.kill()
    })
  }
}
