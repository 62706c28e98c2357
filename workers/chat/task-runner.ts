import { assertNever } from '../../src/core/assert-never.ts'
import { type ErrorCode, FeishuSupervisorError } from '../../src/core/errors.ts'
import { usedMemoryMb } from '../../src/core/lifecycle/memory-budget.ts'
import { stackFrames } from '../../src/core/log/stack-frames.ts'
import { type Deferred, deferred } from '../../src/core/time/deferred.ts'
import type { ChatOutcome, PoolAnswer, PoolTask } from '../../src/protocol/chat.ts'
import { catchFaults, type Fault } from './catch-faults.ts'
import { loadHandler } from './load-handler.ts'
import type { RunChannelClient } from './run-channel-client.ts'
import { RunContexts } from './run-context.ts'
import { failed, runHandler, type RunSetting } from './run-handler.ts'

export interface TaskRunnerDeps extends Pick<RunSetting, 'secrets' | 'forgivesDelay'> {
  /** Where the number of the run on the stack is shown, see ThreadMarks. */
  readonly marks: Int32Array
  /** What a run fails with that would have ended its thread or process. */
  readonly faultCode: ErrorCode
  /** The built file that runs. */
  readonly bundle: string
}

/** Runs tasks: the whole of what a pool thread and a process of handlers have in common. */
export class TaskRunner {
  readonly #deps: TaskRunnerDeps
  readonly #contexts: RunContexts
  /** The failures of the runs under way, if they fail by something outside their promise. */
  readonly #failures = new Map<number, Deferred<ChatOutcome>>()
  #channel: RunChannelClient | undefined

  constructor(deps: TaskRunnerDeps) {
    this.#deps = deps
    this.#contexts = new RunContexts(deps.marks)
    catchFaults((fault) => this.#onFault(fault))
  }

  /** Runs under way. */
  get runCount(): number {
    return this.#failures.size
  }

  /** Must be called before the first event. */
  connect(channel: RunChannelClient): void {
    this.#channel = channel
  }

  /** Never rejects and returns plain data only. User code is loaded inside. */
  async run({ run, task }: Pick<PoolTask, 'run' | 'task'>): Promise<PoolAnswer> {
    const failure = deferred<ChatOutcome>()
    this.#failures.set(run, failure)
    try {
      const outcome = this.#contexts.run({ run }, () => this.#outcomeOf(run, task))
      return { outcome: await Promise.race([failure.promise, outcome]), memoryMb: usedMemoryMb() }
    } finally {
      this.#failures.delete(run)
    }
  }

  async #outcomeOf(run: number, task: PoolTask['task']): Promise<ChatOutcome> {
    const { secrets, forgivesDelay = false, bundle } = this.#deps
    try {
      const handlers = await loadHandler(task.handler)
      switch (task.kind) {
        case 'probe':
          return { kind: 'loaded', kinds: [...handlers.keys()] }
        case 'event':
          if (this.#channel === undefined) throw new TypeError('the first run comes with a port')
          return await runHandler(handlers, task, { secrets, channel: this.#channel, run, forgivesDelay })
        default:
          return assertNever(task)
      }
    } catch (error) {
      if (error instanceof FeishuSupervisorError) return failed(error.code, error)
      return failed('INTERNAL', error, stackFrames(error, bundle))
    }
  }

  /** The run that did it fails, or did it too late; the thread or process is renewed in any case. */
  #onFault(fault: Fault): void {
    const { faultCode, bundle } = this.#deps
    const run = this.#contexts.current?.run ?? 0
    const outcome =
      fault.kind === 'exit'
        ? failed(faultCode, fault.message)
        : failed(faultCode, fault.thrown, stackFrames(fault.thrown, bundle))
    const failure = this.#failures.get(run)
    this.#channel?.fault(run, { message: outcome.error.message, isLate: failure === undefined })
    failure?.resolve(outcome)
  }
}
