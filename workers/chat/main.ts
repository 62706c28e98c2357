import { readlinkSync } from 'node:fs'
import { setPriority } from 'node:os'
import { workerData } from 'node:worker_threads'
import { assertNever } from '../../src/core/assert-never.ts'
import { FeishuSupervisorError } from '../../src/core/errors.ts'
import { startBeating } from '../../src/core/lifecycle/heartbeat.ts'
import { enforceMemoryBudget, usedMemoryMb } from '../../src/core/lifecycle/memory-budget.ts'
import { stackFrames } from '../../src/core/log/stack-frames.ts'
import { hideValues } from '../../src/core/log/redact.ts'
import { type Deferred, deferred } from '../../src/core/time/deferred.ts'
import {
  type ChatBoot,
  type ChatOutcome,
  type PoolAnswer,
  type PoolTask,
  ThreadMarks,
} from '../../src/protocol/chat.ts'
import { catchFaults, type Fault } from './catch-faults.ts'
import { loadHandler } from './load-handler.ts'
import { RunChannelClient } from './run-channel-client.ts'
import { RunContexts } from './run-context.ts'
import { failed, runHandler } from './run-handler.ts'

const { secrets, heartbeat, marks: shared, isBurner, ...budget } = workerData as ChatBoot
const marks = new Int32Array(shared)
/** The failures of the runs under way, if they fail by something outside their promise. */
const failures = new Map<number, Deferred<ChatOutcome>>()
const contexts = new RunContexts(marks)
let channel: RunChannelClient | undefined
let stopBeating = (): void => {}

hideValues(Object.values(secrets))
enforceMemoryBudget(budget)
catchFaults(onFault)
if (isBurner) giveWay()
marks[ThreadMarks.isReady] = 1

/**
 * The entry of a pool thread, called by the pool for each run; many are under way at a time.
 *
 * Never rejects and returns plain data only: a rejected task means that the thread died or was stopped. User code is
 * loaded inside the task for the same reason.
 */
export default async function runTask({ run, task, port }: PoolTask): Promise<PoolAnswer> {
  if (port !== undefined) channel = new RunChannelClient(port)
  const failure = deferred<ChatOutcome>()
  failures.set(run, failure)
  if (failures.size === 1) stopBeating = startBeating(heartbeat)
  try {
    const outcome = contexts.run({ run }, () => outcomeOf(run, task))
    return { outcome: await Promise.race([failure.promise, outcome]), memoryMb: usedMemoryMb() }
  } finally {
    failures.delete(run)
    if (failures.size === 0) stopBeating()
  }
}

async function outcomeOf(run: number, task: PoolTask['task']): Promise<ChatOutcome> {
  try {
    const handlers = await loadHandler(task.handler)
    switch (task.kind) {
      case 'probe':
        return { kind: 'loaded', kinds: [...handlers.keys()] }
      case 'event':
        if (channel === undefined) throw new TypeError('the first run comes with a port')
        return await runHandler(handlers, task, { secrets, channel, run, forgivesDelay: true })
      default:
        return assertNever(task)
    }
  } catch (error) {
    if (error instanceof FeishuSupervisorError) return failed(error.code, error)
    return failed('INTERNAL', error, stackFrames(error, __filename))
  }
}

/** The run that did it fails, or did it too late; the pool renews the thread in any case. */
function onFault(fault: Fault): void {
  const run = contexts.current?.run ?? 0
  const outcome =
    fault.kind === 'exit'
      ? failed('POOL_THREAD_DIED', `the handler called process.exit(${String(fault.exitCode)})`)
      : failed('POOL_THREAD_DIED', fault.thrown, stackFrames(fault.thrown, __filename))
  const failure = failures.get(run)
  channel?.fault(run, { message: outcome.error.message, isLate: failure === undefined })
  failure?.resolve(outcome)
}

/** On Linux a thread has a priority of its own. */
function giveWay(): void {
  try {
    setPriority(Number(readlinkSync('/proc/thread-self').split('/').at(-1)), 10)
  } catch {
    // Another system: the thread competes like all others.
  }
}
