import { errorText, FeishuSupervisorError } from '../../core/errors.ts'
import type { Clock } from '../../core/time/clock.ts'
import type { ChatOutcome, ChatTask, HandlerRef } from '../../protocol/chat.ts'
import type { InboundEventKind } from '../../protocol/model/inbound-event.ts'
import type { PoolStats } from '../../protocol/model/status.ts'
import { Sleeper } from '../writes/sleeper.ts'
import type { HandlerPool } from './handler-pool.ts'
import { HandlerProcess } from './handler-process.ts'
import { failed, keyOf, loadedKinds } from './pool-run.ts'
import type { TakeCall } from './run-channel-server.ts'
import { wearOf } from './wear.ts'

export interface ProcessRunsOptions {
  /** The built file of workers/chat-process. */
  readonly entry: string
  /** Most processes at a time. */
  readonly threads: number
  /** Memory of one process, see MemoryBudget. */
  readonly threadMemoryMb: number
  /** A process is replaced after so many runs. */
  readonly threadMaxTasks: number
  /** What handlers may ask for by name. */
  readonly secrets: Readonly<Record<string, string>>
  readonly clock: Clock
  readonly onPrinted: (text: string) => void
  /** Something was thrown in a process, and no run is known that did it. */
  readonly onIdleDeath: (thrown: unknown) => void
  /** A process that did not end is gone: there is room for another one. */
  readonly onFreed: () => void
}

/** A process that has nothing to do ends after this. */
const IDLE_MS = 60_000

/** A killed process is gone within milliseconds, unless the system does not let go of it. */
const END_MS = 1_000

interface Child {
  readonly handlerKey: string
  readonly process: HandlerProcess
  /** Set once it is to end. Resolves when it is gone, or is given up. */
  ending: Promise<void> | undefined
  cancelIdle: () => void
}

/**
 * Runs each handler alone in a child process: what it does to the process is done to that one. Starting one takes
 * about 150 ms, so a process whose run ended well waits for the next run of the same handler.
 */
export class ProcessRuns implements HandlerPool {
  readonly #options: ProcessRunsOptions
  readonly #sleeper: Sleeper
  readonly #runs = new Set<Promise<unknown>>()
  /** Those that run, wait for a run, or are being ended. */
  readonly #children = new Set<Child>()
  readonly #waiting = new Set<Child>()
  /** Killed, and still there. */
  #stuckCount = 0
  #closing: Promise<void> | undefined

  constructor(options: ProcessRunsOptions) {
    this.#options = options
    this.#sleeper = new Sleeper(options.clock)
  }

  get capacity(): number {
    return Math.max(0, this.#options.threads - this.#stuckCount)
  }

  get isFull(): boolean {
    return this.#runs.size >= this.capacity
  }

  get stats(): Pick<PoolStats, 'processes'> {
    const processes = this.#children.size + this.#stuckCount
    return processes === 0 ? {} : { processes }
  }

  async run(task: ChatTask, timeoutMs: number, take: TakeCall): Promise<ChatOutcome> {
    if (this.#closing !== undefined) return died('the processes of handlers are closed')
    if (this.isFull) return failed('INTERNAL', 'there is no room for another process')
    const run = this.#run(task, timeoutMs, take).catch((thrown) => died(errorText(thrown)))
    this.#runs.add(run)
    const outcome = await run
    this.#runs.delete(run)
    return outcome
  }

  /** Like that of the chat pool. */
  async probe(handler: HandlerRef, timeoutMs: number): Promise<ReadonlySet<InboundEventKind>> {
    return loadedKinds(handler, await this.run({ kind: 'probe', handler }, timeoutMs, () => {}))
  }

  /** Lets runs end for `graceMs`, then ends all processes. Always resolves shortly after. */
  close(graceMs: number): Promise<void> {
    this.#closing ??= this.#close(graceMs)
    return this.#closing
  }

  async #run(task: ChatTask, timeoutMs: number, take: TakeCall): Promise<ChatOutcome> {
    const child = await this.#childFor(task)
    const { outcome } = await child.process.run(task, timeoutMs, take)
    if (outcome.kind !== 'failed' && !isSuspect(task) && this.#isGood(child)) this.#keep(child)
    else await this.#end(child)
    return outcome
  }

  /** Rejects when none can be started. */
  async #childFor(task: ChatTask): Promise<Child> {
    const handlerKey = keyOf(task.handler)
    const kept = isSuspect(task) ? undefined : [...this.#waiting].find((child) => child.handlerKey === handlerKey)
    if (kept !== undefined) {
      kept.cancelIdle()
      this.#waiting.delete(kept)
      return kept
    }
    while (this.#children.size >= this.#options.threads) {
      // There is always one that waits or is being ended: there are never more runs than processes.
      const [oldest] = this.#waiting
      if (oldest !== undefined) void this.#end(oldest)
      await Promise.race([...this.#children].flatMap(({ ending }) => ending ?? []))
    }
    if (this.#closing !== undefined) throw new FeishuSupervisorError('SUPERVISOR_DOWN', 'the supervisor stopped')
    return this.#start(handlerKey)
  }

  #start(handlerKey: string): Child {
    const { entry, threadMemoryMb: memoryMb, secrets, clock, onPrinted, onIdleDeath } = this.#options
    const process = new HandlerProcess({
      entry,
      boot: { memoryMb, secrets },
      clock,
      onPrinted,
      onLateFault: (message, isLogged) => {
        if (!isLogged) onIdleDeath(new Error(message))
        if (this.#waiting.has(child)) void this.#end(child)
      },
    })
    const child: Child = { handlerKey, process, ending: undefined, cancelIdle: () => {} }
    this.#children.add(child)
    void process.gone.then((end) => this.#forget(child, end))
    return child
  }

  #isGood({ process: { begunCount, memoryMb, hasFault } }: Child): boolean {
    const use = { begunCount, memoryMb, hasFault, abandonedCount: 0 }
    return this.#closing === undefined && wearOf(use, this.#options) === undefined
  }

  #keep(child: Child): void {
    this.#waiting.add(child)
    child.cancelIdle = this.#options.clock.after(IDLE_MS, () => void this.#end(child))
  }

  #forget(child: Child, end: string): void {
    child.cancelIdle()
    this.#children.delete(child)
    if (this.#waiting.delete(child)) this.#options.onIdleDeath(new Error(`the process of a handler ${end}`))
  }

  #end(child: Child): Promise<void> {
    this.#waiting.delete(child)
    child.ending ??= this.#kill(child)
    return child.ending
  }

  async #kill(child: Child): Promise<void> {
    const { gone } = child.process
    child.cancelIdle()
    child.process.kill()
    if (await this.#sleeper.within(END_MS, gone)) return
    this.#children.delete(child)
    child.process.abandon()
    this.#stuckCount += 1
    void gone.then(() => {
      this.#stuckCount -= 1
      this.#options.onFreed()
    })
  }

  async #close(graceMs: number): Promise<void> {
    if (this.#runs.size > 0) await this.#sleeper.within(graceMs, Promise.all(this.#runs))
    await Promise.all([...this.#children].map((child) => this.#end(child)))
    await Promise.all(this.#runs)
  }
}

/** An event that may have ended whole processes shares none with others, neither before nor after it. */
function isSuspect(task: ChatTask): boolean {
  return task.kind === 'event' && task.isSuspect === true
}

function died(message: string): ChatOutcome {
  return failed('HANDLER_PROCESS_DIED', message)
}
