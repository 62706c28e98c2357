import type { MessagePort } from 'node:worker_threads'
import { wrap } from 'comlink'
import type { Clock } from '../core/time/clock.ts'
import { type Deferred, deferred } from '../core/time/deferred.ts'
import { FeishuSupervisorError } from '../core/errors.ts'

/**
 * Calls over a comlink port that always settle. Comlink alone waits for ever when the other thread
 * is gone, so every call is raced with a deadline and with `lost()`.
 */
export class ControlClient<Api extends object> {
  // Held for the client's whole life: comlink closes the port when the proxy is collected.
  readonly #remote: Api
  readonly #ends = new Set<Deferred<never>>()
  #lost: FeishuSupervisorError | undefined
  readonly #clock: Clock

  constructor(port: MessagePort, clock: Clock) {
    // Every method of our wires is async, so the remote has the very type of what is exposed.
    this.#remote = wrap<Api>(port) as unknown as Api
    this.#clock = clock
  }

  /** Rejects with `DEADLINE_EXCEEDED` or, once the thread is gone, with the error given to `lost`. */
  async call<T>(what: string, deadlineMs: number, run: (remote: Api) => Promise<T>): Promise<T> {
    if (this.#lost !== undefined) throw this.#lost
    // One per call: a promise that outlives the calls would keep the results of all of them.
    const end = deferred<never>()
    const cancel = this.#clock.after(deadlineMs, () =>
      end.reject(new FeishuSupervisorError('DEADLINE_EXCEEDED', `no answer within ${deadlineMs} ms: ${what}`)),
    )
    this.#ends.add(end)
    try {
      return await Promise.race([run(this.#remote), end.promise])
    } finally {
      cancel()
      this.#ends.delete(end)
    }
  }

  /** Rejects every call in flight and every later one. */
  lost(error: FeishuSupervisorError): void {
    this.#lost = error
    for (const end of this.#ends) end.reject(error)
  }
}
