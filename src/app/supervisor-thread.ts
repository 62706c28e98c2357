import { randomBytes } from 'node:crypto'
import type { Clock } from '../core/time/clock.ts'
import { type Deferred, deferred } from '../core/time/deferred.ts'
import { FeishuSupervisorError, fromErrorRecord } from '../core/errors.ts'
import { ChildDriver } from '../core/lifecycle/child-driver.ts'
import type { ChildStatus } from '../core/lifecycle/child-status.ts'
import type { ObservedExit } from '../core/lifecycle/exit-reason.ts'
import type { ChatOutcome, HostRun } from '../protocol/chat.ts'
import type { HostControl, PackagePaths, ResolvedOptions } from '../protocol/host.ts'
import type { SourceControl } from '../protocol/model/bot-source.ts'
import type { NamedEvent } from '../protocol/model/events.ts'
import { type LiveSupervisor, spawnSupervisorThread } from './spawn-supervisor-thread.ts'

export interface SupervisorThreadDeps {
  readonly options: ResolvedOptions
  readonly paths: PackagePaths
  /** Bot source of the host, if any. */
  readonly source?: SourceControl | undefined
  /** False for administration: bots are stored and not started. */
  readonly startsBots: boolean
  readonly clock: Clock
  readonly random: () => number
  signal(event: NamedEvent): void
  /** Runs a handler of the host. Never rejects. `gone` aborts when the thread that asked has ended. */
  run(run: HostRun, gone: AbortSignal): Promise<ChatOutcome>
  /** Reports a new state of the thread. */
  changed(status: ChildStatus): void
  /** Logs a failed restart or output of the thread. */
  report(level: 'info' | 'error', message: string): void
}

/** Longest start, milliseconds. Opening the database may run migrations or create an embedded database on a slow disk. */
const START_DEADLINE_MS = 120_000

/** Time after the grace for closing sockets, threads and the database, milliseconds. After it the thread is terminated. */
const STOP_MARGIN_MS = 1_500

/** Longest wait for that termination, milliseconds. Together with the margin above it stays below the 2 s that `stop` promises. */
const END_DEADLINE_MS = 400

/**
 * Starts the supervisor thread and restarts it for ever when it ends without an order. All events that the old thread
 * accepted are in the database, and the new thread takes them over.
 */
export class SupervisorThread {
  readonly #deps: SupervisorThreadDeps
  readonly #driver: ChildDriver<LiveSupervisor>
  #instanceId: string | undefined
  /** The first start while its caller waits for it. */
  #firstStart: Deferred<void> | undefined

  constructor(deps: SupervisorThreadDeps) {
    this.#deps = deps
    const { supervision } = deps.options
    this.#driver = new ChildDriver({
      policy: {
        ...supervision,
        limit: { ...supervision.limit, intensity: Number.POSITIVE_INFINITY },
        startTimeoutMs: START_DEADLINE_MS,
      },
      clock: deps.clock,
      random: deps.random,
      spawn: (_incarnation, exited) => this.#spawn(exited),
      spawned: (thread) => void this.#finishStart(thread),
      gone: () => {},
      changed: () => deps.changed(this.status),
      spawnFailed: (thrown) => this.#onSpawnFailed(thrown),
    })
  }

  get status(): ChildStatus {
    return this.#driver.status
  }

  /** Starts the thread. Rejects and leaves nothing behind when the configuration or the data folder is unusable. */
  async start(): Promise<void> {
    if (this.#firstStart !== undefined) return this.#firstStart.promise
    if (this.#driver.child.state.name === 'stopping') {
      throw new FeishuSupervisorError(
        'SUPERVISOR_DOWN',
        'the last supervisor thread has not ended: it is stuck in native code',
      )
    }
    if (this.#driver.child.state.name !== 'stopped') return
    this.#firstStart = deferred()
    this.#driver.step({ kind: 'start' })
    await this.#firstStart.promise
  }

  /** Calls the thread. Rejects with `SUPERVISOR_DOWN` at once while the thread is not running. */
  async call<T>(what: string, deadlineMs: number, run: (remote: HostControl) => Promise<T>): Promise<T> {
    if (this.#driver.thread === undefined || this.#driver.child.state.name !== 'running') {
      throw new FeishuSupervisorError('SUPERVISOR_DOWN', `the supervisor thread is ${this.#driver.child.state.name}`)
    }
    return await this.#driver.thread.control.call(what, deadlineMs, run)
  }

  /** Stops the thread within `graceMs` + 2 s. May be called before `start` and twice. */
  async stop(graceMs: number): Promise<void> {
    const thread = this.#driver.thread
    let deadlineMs = STOP_MARGIN_MS
    if (thread !== undefined && this.#driver.child.state.name === 'running') {
      try {
        await thread.control.call('stop', graceMs + STOP_MARGIN_MS, (remote) => remote.stop(graceMs))
      } catch {
        // The thread hangs or died meanwhile. The inbox keeps all events that it accepted.
        deadlineMs = END_DEADLINE_MS
      }
    }
    await this.#end(deadlineMs)
  }

  /** Ends the thread as a crash would. The thread is restarted. */
  kill(): void {
    this.#driver.kill()
  }

  /** Terminates the thread. A thread blocked in native code may never end, so the wait is limited to `deadlineMs`. */
  async #end(deadlineMs: number): Promise<void> {
    this.#driver.step({ kind: 'stop' })
    if (this.#driver.child.state.name === 'stopped') return
    this.#driver.thread?.unref()
    await this.#driver.gone(deadlineMs)
  }

  #spawn(exited: (exit: ObservedExit) => void): LiveSupervisor {
    const { options, paths, source, startsBots, clock, signal, run, report } = this.#deps
    const supersedes = this.#instanceId
    const instanceId = `${process.pid}-${randomBytes(6).toString('hex')}`
    this.#instanceId = instanceId
    const boot = { options, paths, startsBots, instanceId, ...(supersedes === undefined ? {} : { supersedes }) }
    return spawnSupervisorThread(boot, source, clock, { signal, run, printed: (text) => report('info', text), exited })
  }

  #onSpawnFailed(thrown: unknown): void {
    const first = this.#firstStart
    if (first === undefined) return
    this.#firstStart = undefined
    this.#driver.step({ kind: 'stop' })
    first.reject(thrown)
  }

  /** Waits until the thread is ready. A failed first start rejects the caller's `start`; a failed restart is retried. */
  async #finishStart({ control, pulse, terminate }: LiveSupervisor): Promise<void> {
    const first = this.#firstStart
    try {
      const result = await control.call('start', START_DEADLINE_MS, (remote) => remote.start())
      if (!result.ok) throw fromErrorRecord(result.error)
      this.#firstStart = undefined
      this.#driver.ready(pulse)
      first?.resolve()
    } catch (thrown) {
      if (first === undefined) {
        this.#deps.report('error', `the supervisor thread could not start again: ${String(thrown)}`)
        terminate()
        return
      }
      this.#firstStart = undefined
      await this.#end(STOP_MARGIN_MS)
      first.reject(thrown)
    }
  }
}
