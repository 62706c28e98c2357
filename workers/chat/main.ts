import { readlinkSync } from 'node:fs'
import { setPriority } from 'node:os'
import { workerData } from 'node:worker_threads'
import { startBeating } from '../../src/core/lifecycle/heartbeat.ts'
import { enforceMemoryBudget } from '../../src/core/lifecycle/memory-budget.ts'
import { hideValues } from '../../src/core/log/redact.ts'
import { type ChatBoot, type PoolAnswer, type PoolTask, ThreadMarks } from '../../src/protocol/chat.ts'
import { RunChannelClient } from './run-channel-client.ts'
import { TaskRunner } from './task-runner.ts'

const { secrets, heartbeat, marks: shared, isBurner, ...budget } = workerData as ChatBoot
const marks = new Int32Array(shared)
let stopBeating = (): void => {}

hideValues(Object.values(secrets))
enforceMemoryBudget(budget)
const runner = new TaskRunner({
  secrets,
  marks,
  faultCode: 'POOL_THREAD_DIED',
  forgivesDelay: true,
  bundle: __filename,
})
const threadId = ownThreadId()
marks[ThreadMarks.threadId] = threadId
if (isBurner && threadId > 0) giveWay()
marks[ThreadMarks.isReady] = 1

/**
 * The entry of a pool thread, called by the pool for each run; many are under way at a time.
 *
 * Never rejects and returns plain data only: a rejected task means that the thread died or was stopped.
 */
export default async function runTask({ port, ...task }: PoolTask): Promise<PoolAnswer> {
  if (port !== undefined) runner.connect(new RunChannelClient(port))
  if (runner.runCount === 0) stopBeating = startBeating(heartbeat)
  try {
    return await runner.run(task)
  } finally {
    if (runner.runCount === 0) stopBeating()
  }
}

/** 0 where threads have no ids of their own that can be asked for. */
function ownThreadId(): number {
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1))
  } catch {
    return 0
  }
}

/** On Linux a thread has a priority of its own. */
function giveWay(): void {
  try {
    setPriority(threadId, 10)
  } catch {
    // It is not allowed here: the thread competes like all others.
  }
}
