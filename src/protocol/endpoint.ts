import type { MessagePort } from 'node:worker_threads'
import type { Endpoint } from 'comlink'

/**
 * The one cast between a Node port and comlink. Node ports have the addEventListener,
 * removeEventListener, postMessage and start that comlink uses; only the types disagree.
 */
export function toEndpoint(port: MessagePort): Endpoint {
  return port as unknown as Endpoint
}
