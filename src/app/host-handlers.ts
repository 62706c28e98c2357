import { createRequire } from 'node:module'
import type { Clock } from '../core/time/clock.ts'
import { errorRecord, errorText } from '../core/errors.ts'
import { redactText } from '../core/log/redact.ts'
import { stackFrames } from '../core/log/stack-frames.ts'
import type { HandlerTable } from '../handlers/handler-table.ts'
import type { ChatOutcome, EventTask, HostRun } from '../protocol/chat.ts'

/** Built code that runs a handler, also in a pool thread; its source is workers/chat/run-handler.ts. */
interface HandlerRunner {
  hideValues(values: Iterable<string>): void
  /** Client end of the run channel. */
  readonly RunChannelClient: new (
    port: HostRun['task']['port'],
  ) => object
  runHandler(
    handlers: HandlerTable,
    task: EventTask,
    setting: {
      readonly secrets: Readonly<Record<string, string>>
      readonly channel: object
      readonly run: number
      readonly gone: AbortSignal
    },
  ): Promise<ChatOutcome>
}

export interface HostHandlersDeps {
  readonly tables: ReadonlyMap<string, HandlerTable>
  readonly secrets: Readonly<Record<string, string>>
  /** Path of the built file. */
  readonly runnerPath: string
  readonly clock: Clock
}

/**
 * Runs handlers that are functions of the host, on the host thread. Pool threads use the same code, so `ctx` is the
 * same. The code is loaded with the first run, so a host without such handlers does not load it.
 */
export class HostHandlers {
  readonly #tables: ReadonlyMap<string, HandlerTable>
  readonly #secrets: Readonly<Record<string, string>>
  readonly #runnerPath: string
  readonly #clock: Clock
  #runner: HandlerRunner | undefined

  constructor({ tables, secrets, runnerPath, clock }: HostHandlersDeps) {
    this.#tables = tables
    this.#secrets = secrets
    this.#runnerPath = runnerPath
    this.#clock = clock
  }

  /** Runs one handler. Never rejects. `gone` aborts when the supervisor thread that asked has ended: its successor asks again. */
  async run({ id, task, deadlineAt }: HostRun, gone: AbortSignal): Promise<ChatOutcome> {
    const table = task.handler.kind === 'host' ? this.#tables.get(task.handler.name) : undefined
    if (table === undefined) return failed('INTERNAL', 'bug: the host was asked for a handler that it does not have')
    const timeoutMs = deadlineAt - this.#clock.now()
    // The time limit has passed: the supervisor thread waits no longer and may have started the event again.
    if (timeoutMs <= 0) return failed('HANDLER_TIMEOUT', "the host's thread was busy for the whole time limit")
    this.#runner ??= this.#load()
    const channel = new this.#runner.RunChannelClient(task.port)
    try {
      const setting = { secrets: this.#secrets, channel, run: id, gone }
      return await this.#runner.runHandler(table, { ...task, timeoutMs }, setting)
    } catch (thrown) {
      return failed('INTERNAL', redactText(errorText(thrown)), stackFrames(thrown, this.#runnerPath))
    }
  }

  #load(): HandlerRunner {
    const runner = createRequire(import.meta.url)(this.#runnerPath) as HandlerRunner
    runner.hideValues(Object.values(this.#secrets))
    return runner
  }
}

function failed(code: 'INTERNAL' | 'HANDLER_TIMEOUT', message: string, stack?: string): ChatOutcome {
  return { kind: 'failed', error: errorRecord(code, message, stack) }
}
