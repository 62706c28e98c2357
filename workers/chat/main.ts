import { workerData } from 'node:worker_threads'
import { assertNever } from '../../src/core/assert-never.ts'
import { type ErrorCode, ERROR_CODES, errorText, FeishuSupervisorError } from '../../src/core/errors.ts'
import { type MemoryBudget, usedMemoryMb, watchMemory } from '../../src/core/memory-watch.ts'
import type { ChatOutcome, ChatTask, PoolAnswer } from '../../src/protocol/chat.ts'
import { ReplyBuffer } from '../../src/handlers/reply-buffer.ts'
import { toCardResponse } from './card-response.ts'
import type { HandlerTable } from './handler-table.ts'
import { loadHandler } from './load-handler.ts'
import { normalizeMessage } from './normalize.ts'

/** Errors are stored and shown; a handler may throw the whole page it was served. */
const MAX_ERROR_CHARS = 2_000

watchMemory(workerData as MemoryBudget)

/**
 * The entry of a pool thread, called by the pool for each task.
 *
 * Never rejects and answers plain data only, so that a rejected task can only mean that the thread
 * died or was stopped. User code is loaded inside the task for the same reason.
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
        return await runHandler(handlers, task)
      default:
        return assertNever(task)
    }
  } catch (error) {
    return failed(error instanceof FeishuSupervisorError ? error.code : 'INTERNAL', error)
  }
}

async function runHandler(handlers: HandlerTable, task: Extract<ChatTask, { kind: 'event' }>): Promise<ChatOutcome> {
  const handler = handlers.get(task.event.kind)
  if (handler === undefined) return { kind: 'handled', replies: [] }
  const event = task.event.kind === 'message' ? await normalizeMessage(task.event) : task.event
  const abort = new AbortController()
  const { signal } = abort
  const replies = new ReplyBuffer({ canReply: task.canReply, canThread: event.kind === 'message', signal })
  const timer = setTimeout(() => abort.abort(), task.timeoutMs)
  try {
    const returned = await handler(event, {
      reply: (reply) => replies.reply(reply),
      stream: (source, options) => replies.stream(source, options),
      attempt: task.attempt,
      signal,
    })
    const response = event.kind === 'card_action' ? toCardResponse(returned) : undefined
    return { kind: 'handled', replies: await replies.take(), ...(response === undefined ? {} : { response }) }
  } catch (thrown) {
    return failed(signal.aborted ? 'HANDLER_TIMEOUT' : 'HANDLER_FAILED', thrown)
  } finally {
    clearTimeout(timer)
    replies.close()
  }
}

function failed(code: ErrorCode, thrown: unknown): ChatOutcome {
  return { kind: 'failed', error: { code, message: describe(thrown), retryable: ERROR_CODES[code].retryable } }
}

/** Users throw anything, also errors whose message is no text; a NUL could not be stored. */
function describe(thrown: unknown): string {
  const text: unknown = errorText(thrown)
  return typeof text === 'string' ? text.replaceAll('\0', '').slice(0, MAX_ERROR_CHARS) : 'an error without a text'
}
