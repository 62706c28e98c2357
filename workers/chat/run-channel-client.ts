import type { MessagePort } from 'node:worker_threads'
import { systemClock } from '../../src/core/time/clock.ts'
import { FeishuSupervisorError } from '../../src/core/errors.ts'
import { Pending } from '../../src/core/time/pending.ts'
import type { RunAnswer, RunCall } from '../../src/protocol/run-channel.ts'

/** The handler thread's end of the run channel, see run-channel.ts in src/protocol. */
export class RunChannelClient {
  readonly #port: MessagePort
  readonly #asked = new Pending<RunAnswer['result']>(systemClock)
  #isLost = false

  constructor(port: MessagePort) {
    this.#port = port
    port.on('message', ({ id, result }: RunAnswer) => this.#asked.resolve(id, result))
    port.once('close', () => {
      this.#isLost = true
      this.endRun()
    })
  }

  post(call: RunCall): void {
    this.#port.postMessage(call)
  }

  /** Rejects when nobody answers in time, or nobody waits for the run any more. */
  async history(limit: number, timeoutMs: number): Promise<RunAnswer['result']> {
    if (this.#isLost) throw runEnded()
    const { id, answer } = this.#asked.open(timeoutMs, 'the history of the chat')
    this.post({ kind: 'history', id, limit })
    return await answer
  }

  /** What is not answered yet will not be. */
  endRun(): void {
    if (this.#asked.size > 0) this.#asked.rejectAll(runEnded())
  }
}

export function runEnded(): FeishuSupervisorError {
  return new FeishuSupervisorError('SUPERVISOR_DOWN', 'nobody waits for this run of the handler any more')
}
