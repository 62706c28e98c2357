import { fromErrorRecord } from '../../src/core/errors.ts'
import type { LogLevel } from '../../src/core/log/logger.ts'
import { systemClock } from '../../src/core/time/clock.ts'
import { Pending } from '../../src/core/time/pending.ts'
import type { HistoryMessage } from '../../src/handlers/define-handler.ts'
import type { StreamFrame } from '../../src/protocol/chat.ts'
import type { PastMessage, RunAnswer, RunCall, RunReturn } from '../../src/protocol/run-channel.ts'
import { normalizeMessage } from './normalize.ts'
import { runEnded, type RunChannelClient, type RunReceiver } from './run-channel-client.ts'
import { StreamCredit } from './stream-credit.ts'

/** Most messages of one `ctx.history` call. The history is no archive. */
const MAX_HISTORY = 100

/** Most log lines of one run. Further lines are dropped: a handler in a loop must not fill the disk. */
const MAX_LOG_LINES = 200
const MAX_LOG_CHARS = 2_000
const MAX_FIELDS_CHARS = 8_000
const LEVELS: readonly unknown[] = ['debug', 'info', 'warn', 'error'] satisfies LogLevel[]

/** The calls of one run over the channel of its thread. Does nothing after the run has ended. */
export class RunCalls implements RunReceiver {
  readonly #channel: RunChannelClient
  readonly #run: number
  readonly #timeoutMs: number
  readonly #asked = new Pending<RunAnswer['result']>(systemClock)
  readonly #streams = new StreamCredit((frame) => this.#call({ kind: 'stream', frame }))
  #logLines = 0
  #isOver = false

  constructor(channel: RunChannelClient, run: number, timeoutMs: number) {
    this.#channel = channel
    this.#run = run
    this.#timeoutMs = timeoutMs
    channel.begin(run, this)
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
    const { id, answer } = this.#asked.open(this.#timeoutMs, 'the history of the chat')
    this.#call({ kind: 'history', id, limit: count })
    const result = await answer
    if (!result.ok) throw fromErrorRecord(result.error)
    return await Promise.all(result.value.map(rendered))
  }

  readonly stream = (frame: StreamFrame): void => {
    if (!this.#isOver) this.#streams.show(frame)
  }

  returned(frame: RunReturn): void {
    if ('answer' in frame) this.#asked.resolve(frame.answer.id, frame.answer.result)
    else this.#streams.used(frame.usedStream)
  }

  /** What is not answered yet will not be. */
  lost(): void {
    this.#isOver = true
    if (this.#asked.size > 0) this.#asked.rejectAll(runEnded())
  }

  close(): void {
    if (!this.#isOver) this.#streams.end()
    this.lost()
    this.#channel.end(this.#run)
  }

  #call(call: RunCall): void {
    if (!this.#isOver) this.#channel.post(this.#run, call)
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
