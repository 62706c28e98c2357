import { workerData } from 'node:worker_threads'
import { assertNever } from '../../src/core/assert-never.ts'
import { FeishuSupervisorError } from '../../src/core/errors.ts'
import { hideValues } from '../../src/core/log/redact.ts'
import { usedMemoryMb, enforceMemoryBudget } from '../../src/core/lifecycle/memory-budget.ts'
import { stackFrames } from '../../src/core/log/stack-frames.ts'
import type { ChatBoot, ChatOutcome, ChatTask, PoolAnswer } from '../../src/protocol/chat.ts'
import { loadHandler } from './load-handler.ts'
import { failed, runHandler } from './run-handler.ts'
import { RunChannelClient } from './run-channel-client.ts'

const { secrets, ...budget } = workerData as ChatBoot
hideValues(Object.values(secrets))
enforceMemoryBudget(budget)
let channel: RunChannelClient | undefined

/**
 * Entry of a pool thread, called by the pool for each task.
 *
 * Never rejects and returns plain data only: a rejected task means that the thread died or was stopped. User code is
 * loaded inside the task for the same reason.
 */
export default async function runTask(task: ChatTask): Promise<PoolAnswer> {
  return { outcome: await outcomeOf(task), memoryMb: usedMemoryMb() }
}

async function outcomeOf(task: ChatTask): Promise<ChatOutcome> {
  try {
    const handlers = await loadHandler(task.handler)
    switch (task.kind) {
      case 'probe':
        return { kind: 'loaded', kinds: [...handlers.keys()] }
      case 'event':
        if (task.port !== undefined) channel = new RunChannelClient(task.port)
        if (channel === undefined) throw new TypeError('bug: the first event of the thread has no port')
        return await runHandler(handlers, task, { secrets, channel })
      default:
        return assertNever(task)
    }
  } catch (error) {
    if (error instanceof FeishuSupervisorError) return failed(error.code, error)
    return failed('INTERNAL', error, stackFrames(error, __filename))
  }
}
