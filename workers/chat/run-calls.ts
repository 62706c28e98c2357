import { fromErrorRecord } from '../../src/core/errors.ts'
import type { LogLevel } from '../../src/core/log/logger.ts'
import type { HistoryMessage } from '../../src/handlers/define-handler.ts'
import type { StreamFrame } from '../../src/protocol/chat.ts'
import type { PastMessage, RunCall } from '../../src/protocol/run-channel.ts'
import { normalizeMessage } from './normalize.ts'
import { runEnded, type RunChannelClient } from './run-channel-client.ts'

/** Most messages of one `ctx.history` call. The history is no archive. */
const MAX_HISTORY = 100

/** Most log lines of one run. Further lines are dropped: a handler in a loop must not fill the disk. */
const MAX_LOG_LINES = 200
const MAX_LOG_CHARS = 2_000
const MAX_FIELDS_CHARS = 8_000
const LEVELS: readonly unknown[] = ['debug', 'info', 'warn', 'error'] satisfies LogLevel[]

/** Calls of one run over the run channel. After the run has ended, log lines and frames are dropped and `history` rejects. */
export class RunCalls {
  readonly #channel: RunChannelClient
  readonly #timeoutMs: number
  #logLines = 0
  #isOver = false

  constructor(channel: RunChannelClient, timeoutMs: number) {
    this.#channel = channel
    this.#timeoutMs = timeoutMs
  }

  readonly log = (level: LogLevel, message: unknown, fields: Readonly<Record<string, unknown>> = {}): void => {
    if (!LEVELS.includes(level)) throw new TypeError('ctx.log expects debug, info, warn or error, then a text')
    this.#logLines += 1
    if (this.#logLines > MAX_LOG_LINES) return
    // Plain data, because it crosses threads.
    this.#call({ kind: 'log', level, message: String(message).slice(0, MAX_LOG_CHARS), fields: plain(fields) })
  }

  readonly history = async (count: number): Promise<readonly HistoryMessage[]> => {
    if (!Number.isInteger(count) || count < 1 || count > MAX_HISTORY) {
      throw new RangeError(`ctx.history expects a number from 1 to ${MAX_HISTORY}`)
    }
    if (this.#isOver) throw runEnded()
    const result = await this.#channel.history(count, this.#timeoutMs)
    if (!result.ok) throw fromErrorRecord(result.error)
    return await Promise.all(result.value.map(rendered))
  }

  readonly stream = (frame: StreamFrame): void => this.#call({ kind: 'stream', frame })

  close(): void {
    this.#isOver = true
    this.#channel.endRun()
  }

  #call(call: RunCall): void {
    if (!this.#isOver) this.#channel.post(call)
  }
}

async function rendered({ isOwn, message }: PastMessage): Promise<HistoryMessage> {
  const { text, messageType, messageId, senderOpenId, createdAt } = await normalizeMessage(message)
  return { isOwn, text, messageType, messageId, senderOpenId, createdAt }
}

function plain(fields: unknown): Readonly<Record<string, unknown>> {
  try {
    const json = JSON.stringify(fields)
    if (json.length > MAX_FIELDS_CHARS) return { fields: `[dropped: ${json.length} characters]` }
    return JSON.parse(json) as Record<string, unknown>
  } catch {
    return { fields: '[dropped: not JSON]' }
  }
}
