import { asObject } from '../core/as-object.ts'
import { HandlerError } from './handler-error.ts'

/** Base64 with its padding. `Buffer.from` skips what it cannot read, and a shortened image would be sent. */
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

/**
 * Turns one reply of a backend into an argument of `ctx.reply`. A backend speaks from the network, so it may name no
 * file of this machine: an image or a file is `{ key }` or `{ base64 }`. Throws a `HandlerError` that is not retried.
 */
export function backendReply(reply: unknown): unknown {
  if (typeof reply === 'string') return reply
  if (typeof reply !== 'object' || reply === null || Array.isArray(reply)) {
    throw wrong('a reply of the backend is wrong: expected a text or an object')
  }
  return { ...reply, ...uploadOf('image', reply), ...uploadOf('file', reply) }
}

function uploadOf(kind: 'image' | 'file', reply: object): object {
  const given: unknown = asObject(reply)[kind]
  if (given === undefined) return {}
  const { key, base64 } = asObject(given)
  if (typeof key === 'string' && base64 === undefined) return { [kind]: { key } }
  if (typeof base64 === 'string' && key === undefined && base64.length % 4 === 0 && BASE64.test(base64)) {
    return { [kind]: new Uint8Array(Buffer.from(base64, 'base64')) }
  }
  throw wrong(`${kind}: a backend gives {"key": "…"} of an earlier upload, or {"base64": "…"}; it cannot name a file`)
}

function wrong(message: string): HandlerError {
  return new HandlerError(message, { retryable: false })
}
