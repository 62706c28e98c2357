import { observe, type WatchdogState } from '../../core/lifecycle/watchdog.ts'
import { type Death, LATE_MS } from './blame.ts'
import { EndedRuns } from './ended-runs.ts'
import type { ThreadRole, ThreadView } from './placement.ts'
import type { PoolRun } from './pool-run.ts'
import type { ThreadPort } from './pool-thread.ts'
import type { Use, Wear } from './wear.ts'

/** A thread that computes gets at least this share of a processor, unless the machine has very much to do. */
const COMPUTING_SHARE = 0.2

/** Looks are never later than twice this, see ThreadWatch. */
const LOOK_LIMIT_MS = 250

interface Kept<T> {
  readonly by: T
  readonly ms: number
}

const NOBODY: Kept<undefined> = { by: undefined, ms: 0 }

/** `moreMs` is undefined when the loop has turned. */
function kept<T>({ by, ms }: Kept<T>, now: T, moreMs: number | undefined): Kept<T> {
  return { by: now, ms: moreMs !== undefined && by === now ? ms + moreMs : 0 }
}

/** A thread with its runs. */
export class HandlerThread {
  readonly role: ThreadRole
  readonly thread: ThreadPort
  /** Under way, by number. */
  readonly runs = new Map<number, PoolRun>()
  /** Once set it gets no new runs, and ends with its last one. */
  wear: Wear | undefined
  hasFault = false
  memoryMb = 0
  begunCount = 0
  cancelIdle = (): void => {}
  /** Given up, but their code goes on. */
  readonly #abandoned = new Set<number>()
  readonly #ended = new EndedRuns()
  #watch: WatchdogState = { beats: 0, stillMs: 0 }
  /** How long the loop has stood still with one and the same run on the stack, and with runs of one bot. */
  #run: Kept<number | undefined> = NOBODY
  #bot: Kept<string | undefined> = NOBODY
  /** The first look at a loop that stands still. */
  #still: { readonly stillMs: number; readonly cpuMs: number | undefined } | undefined

  constructor(role: ThreadRole, thread: ThreadPort) {
    this.role = role
    this.thread = thread
  }

  get runCount(): number {
    return this.runs.size + this.#abandoned.size
  }

  /** So long its loop has not turned; 0 if it does, or nothing runs. */
  get stillMs(): number {
    return this.runCount === 0 ? 0 : this.#watch.stillMs
  }

  /**
   * So long one and the same run has kept the loop from turning. Many runs that compute a little one after the other
   * make a thread late, but none of them blocks it.
   */
  get blockedMs(): number {
    return this.runCount === 0 ? 0 : this.#run.ms
  }

  /** The same for the runs of one bot. */
  get blockedByBotMs(): number {
    return this.runCount === 0 ? 0 : this.#bot.ms
  }

  get isLate(): boolean {
    return this.stillMs > LATE_MS
  }

  /**
   * It is late because its code computes. A thread that waits for a processor is late too, and nobody in it is to
   * blame. True where the system does not tell the two apart.
   */
  get isComputing(): boolean {
    if (this.#still === undefined || this.stillMs === this.#still.stillMs) return false
    const cpuMs = this.thread.cpuMs()
    if (cpuMs === undefined || this.#still.cpuMs === undefined) return true
    return cpuMs - this.#still.cpuMs >= COMPUTING_SHARE * (this.stillMs - this.#still.stillMs)
  }

  /** An overdue run does not let go of it. */
  get isBlocked(): boolean {
    return this.isLate && this.#abandoned.has(this.thread.onStack)
  }

  /** Nothing else was ever in it. */
  get isAlone(): boolean {
    return this.begunCount === 1
  }

  /** Tells one time at which the loop stood still from the next. */
  get episode(): number {
    return this.#watch.beats
  }

  get use(): Use {
    const { begunCount, memoryMb, hasFault } = this
    return { begunCount, memoryMb, hasFault, abandonedCount: this.#abandoned.size }
  }

  get death(): Death {
    const { isReady: wasReady, onStack } = this.thread
    return { wasReady, onStack, runs: [...this.runs.keys()], begunCount: this.begunCount }
  }

  view(handlerKey: string): ThreadView & { readonly of: HandlerThread } {
    const { role, wear, runCount } = this
    return {
      of: this,
      role,
      state: this.isBlocked ? 'blocked' : wear === 'memory' ? 'full' : wear === undefined ? 'open' : 'renewing',
      isLate: this.isLate || !this.thread.isReady,
      runCount,
      // Asked for few threads, and only limited handlers have a limit below that of the thread.
      get runsOfHandler() {
        return [...this.of.runs.values()].filter((run) => run.handlerKey === handlerKey).length
      },
    }
  }

  begin(id: number, run: PoolRun): Promise<unknown> {
    if (this.runCount === 0) {
      this.#watch = { beats: this.thread.look().beats, stillMs: 0 }
      this.#run = NOBODY
      this.#bot = NOBODY
      this.#still = undefined
    }
    this.cancelIdle()
    this.begunCount += 1
    this.runs.set(id, run)
    return this.thread.run(id, run.task, run.take)
  }

  /** The thread has answered it. Undefined for a run nobody waits for any more. */
  finish(id: number): PoolRun | undefined {
    const run = this.runs.get(id)
    this.#end(id)
    this.#abandoned.delete(id)
    return run
  }

  /** Nobody waits for it any more; its code goes on. */
  abandon(id: number): void {
    this.#end(id)
    this.#abandoned.add(id)
  }

  look(elapsedMs: number): void {
    const beforeMs = this.#watch.stillMs
    const pulse = this.thread.look()
    if (pulse.beats !== this.#watch.beats) this.memoryMb = pulse.memoryMb
    this.#watch = observe(this.#watch, pulse, elapsedMs, LOOK_LIMIT_MS)
    const { stillMs } = this.#watch
    const { onStack } = this.thread
    const moreMs = stillMs === 0 ? undefined : stillMs - beforeMs
    this.#run = kept(this.#run, onStack, moreMs)
    this.#bot = kept(this.#bot, this.botOf(onStack), moreMs)
    if (stillMs === 0) this.#still = undefined
    else this.#still ??= { stillMs, cpuMs: this.thread.cpuMs() }
  }

  botOf(id: number): string | undefined {
    return this.runs.get(id)?.botId ?? this.#ended.botOf(id)
  }

  /** Tells what a run did after its end, as a line of its own log. False if it is not known any more. */
  logLate(id: number, message: string): boolean {
    return this.#ended.logLate(id, message)
  }

  #end(id: number): void {
    const run = this.runs.get(id)
    if (run === undefined) return
    this.thread.endRun(id)
    this.runs.delete(id)
    this.#ended.add(id, run)
  }
}
