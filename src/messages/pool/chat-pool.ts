import { errorText, fromErrorRecord } from '../../core/errors.ts'
import { stackFrames } from '../../core/log/stack-frames.ts'
import { type ChatOutcome, type ChatTask, type HandlerRef, isExclusive } from '../../protocol/chat.ts'
import type { InboundEventKind } from '../../protocol/model/inbound-event.ts'
import type { PoolStats } from '../../protocol/model/status.ts'
import type { RunFault } from '../../protocol/run-channel.ts'
import { Sleeper } from '../writes/sleeper.ts'
import { respiteMs } from './blame.ts'
import { type ChatPoolOptions, type ChatPoolSettings, withDefaults } from './chat-pool-options.ts'
import { Culprits } from './culprits.ts'
import { HandlerLimits } from './handler-limits.ts'
import type { HandlerPool } from './handler-pool.ts'
import type { HandlerThread } from './handler-thread.ts'
import { HandlerThreads } from './handler-threads.ts'
import type { ThreadRole } from './placement.ts'
import { failed, loadedKinds, PoolRun, toAnswer } from './pool-run.ts'
import { Quarantine } from './quarantine.ts'
import type { TakeCall } from './run-channel-server.ts'
import { USED_UP } from './stuck-threads.ts'
import { ThreadWatch } from './thread-watch.ts'
import { type Waiting, WaitingRuns } from './waiting-runs.ts'

/** Numbers of runs have 31 bits, because they stand in shared memory. */
const LAST_NUMBER = 0x7f_ff_ff_ff

/**
 * The threads that run handlers, many runs in each. Order, attempts and waiting are the dispatcher's, which hands
 * over a run when there is room and never before.
 *
 * Every run ends with an outcome, and fails only by what its bot did: a run whose thread ends through another one is
 * begun again in another thread. Who ended a thread is known by its number in shared memory, or is found; see blame.ts.
 */
export class ChatPool implements HandlerPool {
  readonly #settings: ChatPoolSettings
  readonly #limits: HandlerLimits
  readonly #threads: HandlerThreads
  readonly #watch: ThreadWatch
  readonly #waiting = new WaitingRuns()
  /** Everything without an outcome. */
  readonly #live = new Set<PoolRun>()
  readonly #culprits = new Culprits()
  #lastNumber = 0
  #closing: Promise<void> | undefined

  constructor(options: ChatPoolOptions) {
    this.#settings = withDefaults(options)
    const { clock, runsPerThread, handlerHangMs: hangMs } = this.#settings
    this.#limits = new HandlerLimits(runsPerThread)
    this.#threads = new HandlerThreads(this.#settings, {
      onDeath: (thread, thrown) => this.#died(thread, thrown),
      onFault: (thread, run, fault) => this.#faulted(thread, run, fault),
      onGone: () => this.#useRoom(),
    })
    this.#watch = new ThreadWatch({
      threads: this.#threads,
      hangMs,
      clock,
      onHang: (thread) =>
        this.#died(thread, new Error(`handlers kept its event loop from turning for ${thread.stillMs} ms`)),
      onLook: (thread) => this.#threads.weigh(thread),
    })
  }

  get capacity(): number {
    return this.#settings.concurrency
  }

  get isFull(): boolean {
    return this.busy >= this.capacity + this.#settings.threads
  }

  get busy(): number {
    return this.#live.size
  }

  get stats(): PoolStats {
    return { ...this.#threads.stats, busy: this.busy, queued: this.#waiting.size }
  }

  run(task: ChatTask, timeoutMs: number, take: TakeCall): Promise<ChatOutcome> {
    if (this.#closing !== undefined) return Promise.resolve(failed('POOL_THREAD_DIED', 'the chat pool is closed'))
    // What waits has to be ordered and given back; the dispatcher does all that.
    if (this.isFull) return Promise.resolve(failed('INTERNAL', 'the chat pool has no room'))
    const run = new PoolRun(task, timeoutMs, take)
    this.#live.add(run)
    this.#threads.fill()
    this.#goAsUsual(run)
    return run.outcome
  }

  /** Answers which kinds of events the handler has functions for; rejects with `HANDLER_UNLOADABLE` and the reason if it cannot be loaded. */
  async probe(handler: HandlerRef, timeoutMs: number): Promise<ReadonlySet<InboundEventKind>> {
    const outcome = await this.run({ kind: 'probe', handler }, timeoutMs, () => {})
    if (this.#closing !== undefined && outcome.kind === 'failed') throw fromErrorRecord(outcome.error)
    return loadedKinds(handler, outcome)
  }

  /** Lets running handlers end for `graceMs`, then stops their threads. Always resolves shortly after. */
  close(graceMs: number): Promise<void> {
    this.#closing ??= this.#close(graceMs)
    return this.#closing
  }

  #roleOf({ task, botId, eventKey }: PoolRun): ThreadRole {
    if (this.#culprits.has(eventKey)) return 'trial'
    if (isExclusive(task.handler)) return 'exclusive'
    return botId !== undefined && this.#watch.isBurning(botId) ? 'burner' : 'shared'
  }

  #goAsUsual(run: PoolRun): void {
    this.#go({ role: this.#roleOf(run), runs: [run] })
  }

  #go(waiting: Waiting): void {
    if (!this.#start(waiting)) this.#waiting.add(waiting)
  }

  /** False if there is no room. */
  #start({ role, runs: all }: Waiting): boolean {
    if (all.some(({ botId }) => this.#threads.isInDoubt(botId))) return false
    const runs = all.filter((run) => !this.#isRefused(run))
    const [first] = runs
    if (first === undefined) return true
    const mostOfHandler = this.#limits.of(first.task.handler, this.#settings.clock.now())
    const thread = this.#threads.find(role, first, mostOfHandler)
    if (thread === undefined) return false
    for (const run of runs) this.#begin(run, thread)
    return true
  }

  #isRefused(run: PoolRun): boolean {
    if (this.#live.has(run) && this.#threads.isUsedUpBy(run.botId)) this.#settle(run, USED_UP)
    return !this.#live.has(run)
  }

  #begin(run: PoolRun, thread: HandlerThread): void {
    this.#lastNumber = (this.#lastNumber % LAST_NUMBER) + 1
    const id = this.#lastNumber
    run.cancelDeadline = this.#settings.clock.after(run.timeoutMs, () => this.#overdue(thread, id, run))
    void thread.begin(id, run).then((answer) => this.#answered(thread, id, answer))
    this.#threads.weigh(thread)
    this.#watch.start()
  }

  #answered(thread: HandlerThread, id: number, answer: unknown): void {
    const { outcome, memoryMb } = toAnswer(answer)
    thread.memoryMb = memoryMb
    const run = thread.finish(id)
    this.#culprits.answered(run?.eventKey)
    if (run !== undefined) this.#settle(run, outcome)
    this.#changed(thread)
  }

  #overdue(thread: HandlerThread, id: number, run: PoolRun): void {
    this.#watch.lookNow()
    // That look may have shown that the thread hangs.
    if (!thread.runs.has(id)) return
    const { isAlone, isLate, stillMs } = thread
    const { onStack, isReady } = thread.thread
    const respite = respiteMs({ run: id, onStack, stillMs, isAlone })
    if (respite > 0) {
      run.cancelDeadline = this.#settings.clock.after(respite, () => this.#overdue(thread, id, run))
      return
    }
    thread.abandon(id)
    if (isLate) this.#remember(run)
    // It has the thread, or will have it: that is no thread for others.
    if (isLate || !isReady) thread.wear ??= 'leaking'
    this.#settle(run, failed('HANDLER_TIMEOUT', `the handler did not end within ${run.timeoutMs} ms`))
    if (thread.wear !== undefined && thread.runs.size === 0) this.#threads.end(thread, run.botId)
    this.#changed(thread)
  }

  #faulted(thread: HandlerThread, id: number, { message, isLate }: RunFault): void {
    thread.hasFault = true
    const run = thread.runs.get(id)
    run?.quarantine?.solve()
    if ((isLate || run === undefined) && !thread.logLate(id, message)) this.#settings.onIdleDeath(new Error(message))
    this.#changed(thread)
  }

  /** It ended by itself, or hangs. */
  #died(thread: HandlerThread, thrown: unknown): void {
    if (!this.#threads.has(thread)) return
    thread.thread.drain()
    const { death } = thread
    const runs = new Map(thread.runs)
    const of = (ids: readonly number[]): PoolRun[] => ids.flatMap((id) => runs.get(id) ?? [])
    const { guilty, suspects, innocent, groups, unstarted } = this.#settings.rules.blame(death)
    this.#threads.end(thread, thread.botOf(guilty[0] ?? death.onStack))
    const text = `the thread died: ${errorText(thrown)}`
    if (!runs.has(death.onStack) && !thread.logLate(death.onStack, text) && runs.size === 0) {
      this.#settings.onIdleDeath(thrown)
    }
    thread.runs.clear()
    for (const run of runs.values()) run.cancelDeadline()
    for (const run of of(guilty)) this.#remember(run)
    const stack = stackFrames(thrown, this.#settings.filename)
    for (const run of of([...guilty, ...unstarted])) this.#settle(run, failed('POOL_THREAD_DIED', text, stack))
    for (const run of of(suspects)) this.#go({ role: 'trial', runs: [run] })
    this.#split(groups.map(of))
    for (const run of of(innocent)) this.#goAsUsual(run)
    this.#useRoom()
  }

  /** One of them ended a thread; or all together. */
  #split(groups: readonly (readonly PoolRun[])[]): void {
    const runs = groups.flat()
    this.#threads.clear(runs)
    const others = runs.filter(({ quarantine }) => quarantine === undefined)
    const quarantine = new Quarantine(others.map(({ handlerKey }) => handlerKey))
    for (const run of others) run.quarantine = quarantine
    for (const group of groups) this.#go({ role: 'trial', runs: group })
  }

  #settle(run: PoolRun, outcome: ChatOutcome): void {
    this.#live.delete(run)
    run.settle(outcome)
    const runsPerThread = run.quarantine?.settled()
    if (run.quarantine === undefined || runsPerThread === undefined) return
    const { handlerKey: handler } = run.quarantine
    const untilAt = this.#limits.crowded(handler, runsPerThread, this.#settings.clock.now())
    this.#settings.onCrowded({ handler, runsPerThread, untilAt })
  }

  #remember({ eventKey, quarantine }: PoolRun): void {
    quarantine?.solve()
    this.#culprits.add(eventKey)
  }

  #changed(thread: HandlerThread): void {
    this.#threads.weigh(thread)
    this.#useRoom()
  }

  #useRoom(): void {
    if (this.#closing === undefined) this.#threads.fill()
    this.#waiting.drain((waiting) => this.#start(waiting))
  }

  async #close(graceMs: number): Promise<void> {
    const outcomes = Promise.all([...this.#live].map(({ outcome }) => outcome))
    await new Sleeper(this.#settings.clock).within(graceMs, outcomes)
    this.#waiting.clear()
    this.#watch.stop()
    for (const run of this.#live) this.#settle(run, failed('POOL_THREAD_DIED', 'the chat pool was closed'))
    await this.#threads.endAll()
  }
}
