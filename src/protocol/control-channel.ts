import type { MessagePort } from 'node:worker_threads'
import { expose, wrap } from 'comlink'
import type { Clock } from '../core/time/clock.ts'
import { type Deferred, deferred } from '../core/time/deferred.ts'
import { FeishuSupervisorError } from '../core/errors.ts'

/** Serves the calls of the `ControlClient` at the other end of the port. */
export function serveControl(port: MessagePort, api: object): void {
  // Frozen and without a prototype: comlink lets the other side read and overwrite an exposed object.
  expose(Object.freeze(Object.assign<object, object>(Object.create(null) as object, api)), port)
}

/**
 * Calls over a comlink port that always settle. Comlink alone waits forever when the other thread is gone, so every call
 * is raced with a deadline and with `lost()`.
 */
export class ControlClient<Api extends object> {
  // Kept for the client's whole life: comlink closes the port when the proxy is garbage collected.
  readonly #remote: Api
  readonly #ends = new Set<Deferred<never>>()
  #lost: FeishuSupervisorError | undefined
  readonly #clock: Clock

  constructor(port: MessagePort, clock: Clock) {
    // All methods of our channels are async, so the remote has the same type as the exposed object.
    this.#remote = wrap<Api>(port) as unknown as Api
    this.#clock = clock
  }

  /** Rejects with `DEADLINE_EXCEEDED` or, once the thread is gone, with the error given to `lost`. */
  async call<T>(what: string, deadlineMs: number, run: (remote: Api) => Promise<T>): Promise<T> {
    if (this.#lost !== undefined) throw this.#lost
    // One promise per call: a shared promise that outlives the calls would keep all their results.
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
