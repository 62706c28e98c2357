import { randomBytes } from 'node:crypto'
import { MessageChannel, Worker } from 'node:worker_threads'
import { assertNever } from '../core/assert-never.ts'
import {
  type Child,
  type ChildEffect,
  type ChildEvent,
  type ChildStatus,
  childStatus,
  newChild,
  stepChild,
} from '../core/lifecycle/child-lifecycle.ts'
import type { Clock } from '../core/time/clock.ts'
import { type Deferred, deferred } from '../core/time/deferred.ts'
import { FeishuSupervisorError, fromErrorRecord } from '../core/errors.ts'
import { startWatchdog } from '../core/lifecycle/watchdog.ts'
import { newHeartbeat, type Pulse, pulseOf } from '../core/lifecycle/heartbeat.ts'
import type { RestartPolicy } from '../core/lifecycle/restart-policy.ts'
import type { SourceControl } from '../protocol/model/bot-source.ts'
import { ControlClient } from '../protocol/control-client.ts'
import { serveControl } from '../protocol/control-server.ts'
import type { ChatOutcome, HostRun } from '../protocol/chat.ts'
import type { NamedEvent } from '../protocol/model/events.ts'
import type { HostControl, HostSignal, PackagePaths, ResolvedOptions, SupervisorBoot } from '../protocol/host.ts'

export interface SupervisorThreadDependencies {
  readonly options: ResolvedOptions
  readonly paths: PackagePaths
  /** The host's own bots, if it keeps them itself. */
  readonly source?: SourceControl | undefined
  /** False for administration: see SupervisorBoot. */
  readonly startsBots: boolean
  readonly clock: Clock
  readonly random: () => number
  signal(event: NamedEvent): void
  /** Runs a handler of the host; never rejects. `gone` aborts when the thread that asked has ended. */
  run(run: HostRun, gone: AbortSignal): Promise<ChatOutcome>
  /** The thread's own state changed. */
  changed(status: ChildStatus): void
  /** A restart that could not be completed, or output of the thread. */
  report(level: 'info' | 'error', message: string): void
}

interface Thread {
  readonly worker: Worker
  readonly control: ControlClient<HostControl>
  readonly pulse: () => Pulse
  readonly gone: AbortController
}

/** Opening the database may run migrations or create an embedded database on a slow disk. */
const START_DEADLINE_MS = 120_000

/** Time after the grace for closing sockets, threads and the database; then the thread is ended as it is. */
const STOP_MARGIN_MS = 1_500

/** Longest wait until the thread has taken the outcome of a run. */
const ANSWER_DEADLINE_MS = 5_000

/** Time for that end: together with the margin above below the 2 s that `stop` promises. */
const END_DEADLINE_MS = 400

/**
 * The supervisor thread as the host sees it: started once by somebody, then restarted for ever when
 * it ends by itself. Whatever it had accepted is in the database, and its successor takes it over.
 */
export class SupervisorThread {
  readonly #deps: SupervisorThreadDependencies
  readonly #policy: RestartPolicy
  #child: Child
  #thread: Thread | undefined
  #instanceId: string | undefined
  #unschedule: () => void = () => {}
  #unwatch: () => void = () => {}
  #firstStart: Deferred<void> | undefined
  #gone: Deferred<void> | undefined

  constructor(deps: SupervisorThreadDependencies) {
    this.#deps = deps
    this.#child = newChild(deps.clock.now())
    this.#policy = {
      ...deps.options.supervision,
      limit: { ...deps.options.supervision.limit, intensity: Number.POSITIVE_INFINITY },
      startTimeoutMs: START_DEADLINE_MS,
    }
  }

  get status(): ChildStatus {
    return childStatus(this.#child, this.#policy, this.#deps.clock.now())
  }

  /** Rejects, with nothing left behind, when the configuration or the data folder is not usable. */
  async start(): Promise<void> {
    if (this.#firstStart !== undefined) return this.#firstStart.promise
    if (this.#child.state.name === 'stopping') {
      throw new FeishuSupervisorError(
        'SUPERVISOR_DOWN',
        'the last supervisor thread has not ended: it sits in native code',
      )
    }
    if (this.#child.state.name !== 'stopped') return
    this.#firstStart = deferred()
    this.#gone = undefined
    this.#step({ kind: 'start' })
    await this.#firstStart.promise
  }

  /** Rejects with `SUPERVISOR_DOWN` at once while there is no thread. */
  async call<T>(what: string, deadlineMs: number, run: (remote: HostControl) => Promise<T>): Promise<T> {
    if (this.#thread === undefined || this.#child.state.name !== 'running') {
      throw new FeishuSupervisorError('SUPERVISOR_DOWN', `the supervisor thread is ${this.#child.state.name}`)
    }
    return await this.#thread.control.call(what, deadlineMs, run)
  }

  /** Gone within `graceMs` + 2 s; tolerates never started and twice. */
  async stop(graceMs: number): Promise<void> {
    const thread = this.#thread
    let deadlineMs = STOP_MARGIN_MS
    if (thread !== undefined && this.#child.state.name === 'running') {
      try {
        await thread.control.call('stop', graceMs + STOP_MARGIN_MS, (remote) => remote.stop(graceMs))
      } catch {
        // It hangs or died meanwhile; the inbox keeps what it had accepted.
        deadlineMs = END_DEADLINE_MS
      }
    }
    await this.#end(deadlineMs)
  }

  /** Ends the thread as a crash would; it is restarted. */
  kill(): void {
    this.#step({ kind: 'kill', reason: 'killed' })
  }

  /** A thread blocked in native code may never end; the caller must not wait for it for ever. */
  async #end(deadlineMs: number): Promise<void> {
    this.#step({ kind: 'stop' })
    if (this.#child.state.name === 'stopped') return
    this.#gone ??= deferred()
    const cancel = this.#deps.clock.after(deadlineMs, this.#gone.resolve)
    this.#thread?.worker.unref()
    await this.#gone.promise
    cancel()
  }

  #step(event: ChildEvent): void {
    const { clock, random, changed } = this.#deps
    const { child, effects } = stepChild(this.#child, event, clock.now(), random(), this.#policy)
    if (child === this.#child) return
    this.#child = child
    for (const effect of effects) this.#perform(effect)
    changed(this.status)
    if (child.state.name === 'stopped') this.#gone?.resolve()
  }

  #perform(effect: ChildEffect): void {
    const { clock } = this.#deps
    switch (effect.kind) {
      case 'spawn':
        this.#spawn()
        break
      case 'terminate':
        void this.#thread?.worker.terminate()
        break
      case 'schedule':
        this.#unschedule()
        this.#unschedule = clock.after(effect.at - clock.now(), () => this.#step({ kind: 'due' }))
        break
      case 'unschedule':
        this.#unschedule()
        break
      default:
        assertNever(effect)
    }
  }

  #spawn(): void {
    const { options, paths, source, startsBots, clock, report } = this.#deps
    const channel = new MessageChannel()
    const sourceChannel = source && new MessageChannel()
    const ports = [channel.port2, ...(sourceChannel === undefined ? [] : [sourceChannel.port2])]
    const heartbeat = newHeartbeat(options.supervision.heartbeatMs)
    const supersedes = this.#instanceId
    this.#instanceId = `${process.pid}-${randomBytes(6).toString('hex')}`
    const boot: SupervisorBoot = {
      options,
      paths,
      startsBots,
      instanceId: this.#instanceId,
      ...(supersedes === undefined ? {} : { supersedes }),
      controlPort: channel.port2,
      ...(sourceChannel === undefined ? {} : { sourcePort: sourceChannel.port2 }),
      heartbeat,
    }
    let worker: Worker
    try {
      worker = new Worker(paths.supervisorWorker, {
        name: 'feishu supervisor',
        workerData: boot,
        transferList: ports,
        execArgv: [],
        env: {},
        stdout: true,
        stderr: true,
      })
    } catch (value) {
      // The system has no thread left. Told once the step that is being performed is done.
      queueMicrotask(() => this.#onSpawnFailed(value))
      return
    }
    const control = new ControlClient<HostControl>(channel.port1, clock)
    if (sourceChannel !== undefined && source !== undefined) serveControl(sourceChannel.port1, source)
    const thread: Thread = { worker, control, pulse: pulseOf(worker, heartbeat), gone: new AbortController() }
    this.#thread = thread
    let thrown: { value: unknown } | undefined
    worker.on('message', (signals: readonly HostSignal[]) => {
      for (const signal of signals) this.#onSignal(signal, thread)
    })
    worker.on('error', (value: unknown) => {
      thrown = { value }
    })
    worker.on('messageerror', () => void worker.terminate())
    for (const stream of [worker.stdout, worker.stderr]) {
      stream.on('data', (chunk: Buffer) => report('info', chunk.toString('utf8').trimEnd()))
    }
    worker.once('exit', (exitCode) => {
      this.#unwatch()
      this.#thread = undefined
      thread.gone.abort()
      control.lost(new FeishuSupervisorError('SUPERVISOR_DOWN', 'the supervisor thread ended'))
      channel.port1.close()
      sourceChannel?.port1.close()
      this.#step({ kind: 'exited', exit: { exitCode, ...(thrown === undefined ? {} : { thrown }) } })
    })
    void this.#finishStart(thread)
  }

  #onSignal(signal: HostSignal, { control, gone }: Thread): void {
    if (signal.kind !== 'run') return this.#deps.signal(signal)
    const { id } = signal.run
    void this.#deps
      .run(signal.run, gone.signal)
      .then((outcome) => control.call('hostRunEnded', ANSWER_DEADLINE_MS, (remote) => remote.hostRunEnded(id, outcome)))
      .catch(() => {
        // The thread that asked is gone, or will see its own deadline pass: the event is run again.
      })
  }

  #onSpawnFailed(value: unknown): void {
    const first = this.#firstStart
    this.#firstStart = undefined
    this.#step({ kind: 'exited', exit: { exitCode: 1, thrown: { value } } })
    if (first === undefined) return
    this.#step({ kind: 'stop' })
    first.reject(value)
  }

  /** A first start that fails is the caller's to mend; a restart that fails is tried again. */
  async #finishStart({ worker, control, pulse }: Thread): Promise<void> {
    const { options, clock, report } = this.#deps
    const first = this.#firstStart
    try {
      const result = await control.call('start', START_DEADLINE_MS, (remote) => remote.start())
      if (!result.ok) throw fromErrorRecord(result.error)
      this.#firstStart = undefined
      this.#step({ kind: 'ready' })
      this.#unwatch = startWatchdog(pulse, options.supervision, clock, () =>
        this.#step({ kind: 'kill', reason: 'hung' }),
      )
      first?.resolve()
    } catch (thrown) {
      if (first === undefined) {
        report('error', `the supervisor thread could not start again: ${String(thrown)}`)
        await worker.terminate()
        return
      }
      this.#firstStart = undefined
      await this.#end(STOP_MARGIN_MS)
      first.reject(thrown)
    }
  }
}
