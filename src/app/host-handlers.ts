import { createRequire } from 'node:module'
import type { Clock } from '../core/clock.ts'
import { ERROR_CODES } from '../core/errors.ts'
import type { HandlerTable } from '../handlers/handler-table.ts'
import type { ChatOutcome, HostRun, StreamFrame } from '../protocol/chat.ts'

/** The built code that a pool thread runs a handler with; see workers/chat/run-handler.ts. */
interface HandlerRunner {
  runHandler(
    handlers: HandlerTable,
    task: HostRun['task'],
    onFrame: (frame: StreamFrame) => void,
    gone: AbortSignal,
  ): Promise<ChatOutcome>
}

/**
 * The host's own functions as handlers: run on its thread, with the very code that pool threads use, so with
 * the same ctx. That code is loaded with the first run: who has no such handlers does not pay for it.
 */
export class HostHandlers {
  readonly #tables: ReadonlyMap<string, HandlerTable>
  readonly #runnerPath: string
  readonly #clock: Clock
  #runner: HandlerRunner | undefined

  constructor(tables: ReadonlyMap<string, HandlerTable>, runnerPath: string, clock: Clock) {
    this.#tables = tables
    this.#runnerPath = runnerPath
    this.#clock = clock
  }

  /** Never rejects. `gone` aborts when the supervisor thread that asked has ended: another one will ask again. */
  async run(
    { task, deadlineAt }: HostRun,
    onFrame: (frame: StreamFrame) => void,
    gone: AbortSignal,
  ): Promise<ChatOutcome> {
    const table = task.handler.kind === 'host' ? this.#tables.get(task.handler.name) : undefined
    if (table === undefined) return failed('INTERNAL', 'the host was asked for a handler that it does not have')
    const timeoutMs = deadlineAt - this.#clock.now()
    // Nobody waits for it any more, and it may be under way again.
    if (timeoutMs <= 0) return failed('HANDLER_TIMEOUT', "the host's thread was busy for the whole time limit")
    this.#runner ??= createRequire(import.meta.url)(this.#runnerPath) as HandlerRunner
    return await this.#runner.runHandler(table, { ...task, timeoutMs }, onFrame, gone)
  }
}

function failed(code: 'INTERNAL' | 'HANDLER_TIMEOUT', message: string): ChatOutcome {
  return { kind: 'failed', error: { code, message, retryable: ERROR_CODES[code].retryable } }
}
