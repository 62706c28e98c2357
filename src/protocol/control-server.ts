import type { MessagePort } from 'node:worker_threads'
import { expose } from 'comlink'

/** Serves the calls of the `ControlClient` at the other end of the port. */
export function serveControl(port: MessagePort, api: object): void {
  // Frozen and without a prototype: comlink lets the other side read and overwrite an exposed object.
  expose(Object.freeze(Object.assign<object, object>(Object.create(null) as object, api)), port)
}
