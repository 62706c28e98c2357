import type { MessagePort } from 'node:worker_threads'
import { systemClock } from '../../src/core/clock.ts'
import { FeishuSupervisorError, fromErrorRecord } from '../../src/core/errors.ts'
import type { LogLevel } from '../../src/core/logger.ts'
import { Pending } from '../../src/core/pending.ts'
import type { HistoryMessage } from '../../src/handlers/define-handler.ts'
import type { StreamFrame } from '../../src/protocol/chat.ts'
import type { PastMessage, RunAnswer, RunCall } from '../../src/protocol/run-line.ts'
import { normalizeMessage } from './normalize.ts'

/** A handler that asks for more wants an archive, which this is not. */
const MAX_HISTORY = 100

/** A handler in a loop must not fill the disk: more lines of one run are left out. */
const MAX_LOG_LINES = 200
const MAX_LOG_CHARS = 2_000
const MAX_FIELDS_CHARS = 8_000
const LEVELS: readonly unknown[] = ['debug', 'info', 'warn', 'error'] satisfies LogLevel[]

/** The handler's end of the line of its run. */
export class RunLine {
  readonly #port: MessagePort
  readonly #timeoutMs: number
  readonly #asked = new Pending<RunAnswer['result']>(systemClock)
  #logLines = 0
  #isLost = false

  constructor(port: MessagePort, timeoutMs: number) {
    this.#port = port
    this.#timeoutMs = timeoutMs
    port.on('message', ({ id, result }: RunAnswer) => this.#asked.resolve(id, result))
    port.once('close', () => this.#lose())
  }

  readonly log = (level: LogLevel, message: unknown, fields: Readonly<Record<string, unknown>> = {}): void => {
    if (!LEVELS.includes(level)) throw new TypeError('ctx.log takes debug, info, warn or error, then a text')
    this.#logLines += 1
    if (this.#logLines > MAX_LOG_LINES) return
    // Plain data, because it crosses threads.
    this.#call({ kind: 'log', level, message: String(message).slice(0, MAX_LOG_CHARS), fields: plain(fields) })
  }

  readonly history = async (count: number): Promise<readonly HistoryMessage[]> => {
    if (!Number.isInteger(count) || count < 1 || count > MAX_HISTORY) {
      throw new RangeError(`ctx.history takes a number from 1 to ${MAX_HISTORY}`)
    }
    if (this.#isLost) throw runEnded()
    const { id, answer } = this.#asked.open(this.#timeoutMs, 'the history of the chat')
    this.#call({ kind: 'history', id, limit: count })
    const result = await answer
    if (!result.ok) throw fromErrorRecord(result.error)
    return await Promise.all(result.value.map(rendered))
  }

  readonly stream = (frame: StreamFrame): void => this.#call({ kind: 'stream', frame })

  close(): void {
    this.#lose()
    this.#port.close()
  }

  #lose(): void {
    this.#isLost = true
    this.#asked.rejectAll(runEnded())
  }

  #call(call: RunCall): void {
    this.#port.postMessage(call)
  }
}

function runEnded(): FeishuSupervisorError {
  return new FeishuSupervisorError('SUPERVISOR_DOWN', 'nobody waits for this run of the handler any more')
}

async function rendered({ isOwn, message }: PastMessage): Promise<HistoryMessage> {
  const { text, messageType, messageId, senderOpenId, createdAt } = await normalizeMessage(message)
  return { isOwn, text, messageType, messageId, senderOpenId, createdAt }
}

function plain(fields: unknown): Readonly<Record<string, unknown>> {
  try {
    const json = JSON.stringify(fields)
    if (json.length > MAX_FIELDS_CHARS) return { fields: `they have ${json.length} characters` }
    return JSON.parse(json) as Record<string, unknown>
  } catch {
    return { fields: 'they could not be written as JSON' }
  }
}
