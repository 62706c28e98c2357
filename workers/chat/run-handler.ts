import { asObject } from '../../src/core/as-object.ts'
import { type ErrorCode, errorRecord, errorText } from '../../src/core/errors.ts'
import { redactText } from '../../src/core/log/redact.ts'
import type { HandlerTable } from '../../src/handlers/handler-table.ts'
import { ReplyBuffer } from '../../src/handlers/reply-buffer.ts'
import type { ChatOutcome, EventTask } from '../../src/protocol/chat.ts'
import { toCardResponse } from './card-response.ts'
import { normalizeMessage } from './normalize.ts'
import { RunCalls } from './run-calls.ts'
import type { RunChannelClient } from './run-channel-client.ts'

/** Exported for the host's thread: it loads this file, so this file has its own list of hidden values there. */
export { hideValues } from '../../src/core/log/redact.ts'
export { RunChannelClient } from './run-channel-client.ts'

/** Longest stored error text: a handler may throw a whole web page. */
const MAX_ERROR_CHARS = 2_000

/** Environment of a run. */
export interface RunSetting {
  readonly secrets: Readonly<Record<string, string>>
  readonly channel: RunChannelClient
  /** Its number on the channel. */
  readonly run: number
  /** Aborts when nobody waits for the run any more. */
  readonly gone?: AbortSignal
  /** Time that the thread stood still for another run does not count against this one. */
  readonly forgivesDelay?: boolean
}

/** A timer that is later than this was kept by code that did not let go of the thread. */
const DELAY_MS = 50

/**
 * Runs a handler: in a pool thread, or on the host's thread for a function of the host. The host loads this file as
 * dist/workers/handler-runner.cjs. Never rejects. Returns plain data only.
 */
export async function runHandler(
  handlers: HandlerTable,
  task: EventTask,
  { secrets, channel, run, gone, forgivesDelay }: RunSetting,
): Promise<ChatOutcome> {
  const handler = handlers.get(task.event.kind)
  if (handler === undefined) return { kind: 'handled', replies: [] }
  const event = task.event.kind === 'message' ? await normalizeMessage(task.event) : task.event
  const calls = new RunCalls(channel, run, task.timeoutMs)
  const abort = new AbortController()
  const signal = gone === undefined ? abort.signal : AbortSignal.any([abort.signal, gone])
  const replies = new ReplyBuffer({
    canReply: task.canReply,
    canThread: event.kind === 'message',
    signal,
    onFrame: calls.stream,
  })
  const cancelAbort = abortAfter(task.timeoutMs, abort, forgivesDelay === true)
  try {
    const returned = await handler(event, {
      reply: (reply) => replies.reply(reply),
      stream: (source, options) => replies.stream(source, options),
      history: calls.history,
      log: calls.log,
      secret: (name) => secretOf(secrets, name),
      attempt: task.attempt,
      signal,
    })
    const response = event.kind === 'card_action' ? toCardResponse(returned) : undefined
    return { kind: 'handled', replies: await replies.take(), ...(response === undefined ? {} : { response }) }
  } catch (thrown) {
    return abort.signal.aborted ? failed('HANDLER_TIMEOUT', thrown) : failedBy(thrown)
  } finally {
    cancelAbort()
    replies.close()
    calls.close()
  }
}

/** Returns the function that cancels it. */
function abortAfter(ms: number, abort: AbortController, forgivesDelay: boolean): () => void {
  const dueAt = Date.now() + ms
  let timer = setTimeout(() => {
    const delayMs = Date.now() - dueAt
    if (forgivesDelay && delayMs > DELAY_MS) timer = setTimeout(() => abort.abort(), delayMs)
    else abort.abort()
  }, ms)
  return () => clearTimeout(timer)
}

function secretOf(secrets: Readonly<Record<string, string>>, name: string): string {
  if (Object.hasOwn(secrets, name)) return secrets[name] as string
  throw new Error(`secrets in the options have no "${name}"; they have: ${Object.keys(secrets).join(', ') || 'none'}`)
}

/** Outcome of a throwing handler. Fields of the thrown value decide how the event goes on, see `HandlerError`. */
function failedBy(thrown: unknown): ChatOutcome {
  const { retryable, retryAfterMs } = asObject(thrown)
  const outcome = failed(retryable === false ? 'HANDLER_GAVE_UP' : 'HANDLER_FAILED', thrown)
  return typeof retryAfterMs === 'number' && retryAfterMs > 0 ? { ...outcome, retryAfterMs } : outcome
}

export function failed(code: ErrorCode, thrown: unknown, stack?: string): Extract<ChatOutcome, { kind: 'failed' }> {
  return { kind: 'failed', error: errorRecord(code, describe(thrown), stack) }
}

/** Text of any thrown value. Handlers also throw errors whose message is no text. NUL is removed: it cannot be stored. */
function describe(thrown: unknown): string {
  const text: unknown = errorText(thrown)
  return typeof text === 'string'
    ? redactText(text.replaceAll('\0', '')).slice(0, MAX_ERROR_CHARS)
    : 'the thrown error has no text'
}
