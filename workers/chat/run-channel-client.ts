import type { MessagePort } from 'node:worker_threads'
import { systemClock } from '../../src/core/time/clock.ts'
import { FeishuSupervisorError } from '../../src/core/errors.ts'
import { Pending } from '../../src/core/time/pending.ts'
import type { RunAnswer, RunCall } from '../../src/protocol/run-channel.ts'

/** End of the run channel in the thread of the handler, see run-channel.ts in src/protocol. */
export class RunChannelClient {
  readonly #port: MessagePort
  readonly #pending = new Pending<RunAnswer['result']>(systemClock)
  #isLost = false

  constructor(port: MessagePort) {
    this.#port = port
    port.on('message', ({ id, result }: RunAnswer) => this.#pending.resolve(id, result))
    port.once('close', () => {
      this.#isLost = true
      this.endRun()
    })
  }

  post(call: RunCall): void {
    this.#port.postMessage(call)
  }

  /** Rejects if no answer comes in time, or if the run is not awaited any more. */
  async history(limit: number, timeoutMs: number): Promise<RunAnswer['result']> {
    if (this.#isLost) throw runEnded()
    const { id, answer } = this.#pending.open(timeoutMs, 'the history of the chat')
    this.post({ kind: 'history', id, limit })
    return await answer
  }

  /** Rejects all pending calls. */
  endRun(): void {
    if (this.#pending.size > 0) this.#pending.rejectAll(runEnded())
  }
}

export function runEnded(): FeishuSupervisorError {
  return new FeishuSupervisorError('SUPERVISOR_DOWN', 'the handler run has ended: ctx cannot be used any more')
}
