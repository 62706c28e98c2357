import { assertNever } from '../../src/core/assert-never.ts'
import { type ErrorCode, ERROR_CODES, errorText, FeishuSupervisorError } from '../../src/core/errors.ts'
import type { ChatOutcome, ChatTask } from '../../src/protocol/chat.ts'
import { loadHandler } from './load-handler.ts'
import { ReplyBuffer } from './reply-buffer.ts'

/** Errors are stored and shown; a handler may throw the whole page it was served. */
const MAX_ERROR_CHARS = 2_000

/**
 * The entry of a pool thread, called by the pool for each task.
 *
 * Never rejects and answers plain data only, so that a rejected task can only mean that the thread
 * died or was stopped. User code is loaded inside the task for the same reason.
 */
export default async function runTask(task: ChatTask): Promise<ChatOutcome> {
  try {
    const handler = await loadHandler(task.handler)
    switch (task.kind) {
      case 'probe':
        return { kind: 'loaded' }
      case 'message':
        return await runHandler(handler, task)
      default:
        return assertNever(task)
    }
  } catch (error) {
    return failed(error instanceof FeishuSupervisorError ? error.code : 'INTERNAL', error)
  }
}

async function runHandler(
  handler: Awaited<ReturnType<typeof loadHandler>>,
  task: Extract<ChatTask, { kind: 'message' }>,
): Promise<ChatOutcome> {
  const replies = new ReplyBuffer()
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(), task.timeoutMs)
  try {
    await handler(task.message, {
      reply: async (text) => replies.add(text),
      attempt: task.attempt,
      signal: abort.signal,
    })
    return { kind: 'handled', replies: replies.close() }
  } catch (thrown) {
    return failed(abort.signal.aborted ? 'HANDLER_TIMEOUT' : 'HANDLER_FAILED', thrown)
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
