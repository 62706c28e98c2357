import type { MessagePort } from 'node:worker_threads'
import { expose } from 'comlink'

/** Answers the calls of a ControlClient at the other end of the port. */
export function serveControl(port: MessagePort, api: object): void {
  // Frozen and without a prototype: comlink lets the other side read and overwrite what it exposes.
  expose(Object.freeze(Object.assign<object, object>(Object.create(null) as object, api)), port)
}
