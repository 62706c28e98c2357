import { asObject } from '../../src/core/as-object.ts'
import type { CardResponse, CardToast } from '../../src/protocol/model/inbound-event.ts'

const TOAST_TYPES: readonly unknown[] = ['info', 'success', 'error', 'warning'] satisfies CardToast['type'][]

/** Feishu takes cards of about 30 KB; the rest is room for what surrounds them. */
const MAX_BYTES = 100_000

/**
 * Reads what a card handler returned; undefined for nothing. Throws what its author should read, for
 * Feishu would show the user no more than an error number. Plain JSON, because it crosses threads.
 */
export function toCardResponse(returned: unknown): CardResponse | undefined {
  if (returned === undefined || returned === null) return undefined
  if (typeof returned !== 'object' || Array.isArray(returned)) {
    throw new TypeError('a card handler returns nothing, or an object with toast, card or both')
  }
  const json = JSON.stringify(returned)
  if (Buffer.byteLength(json) > MAX_BYTES) throw new RangeError(`the answer to a card has at most ${MAX_BYTES} bytes`)
  const response = JSON.parse(json) as Readonly<Record<string, unknown>>
  const { toast, card } = response
  if (toast !== undefined) {
    const { type, content } = asObject(toast)
    if (!TOAST_TYPES.includes(type)) throw new TypeError('toast.type is info, success, error or warning')
    if (typeof content !== 'string' || content === '') throw new TypeError('toast.content is a text that is not empty')
  }
  if (card !== undefined) {
    const { type, data } = asObject(card)
    if (type !== 'raw' && type !== 'template') throw new TypeError('card.type is raw or template')
    if (typeof data !== 'object' || data === null || Array.isArray(data)) throw new TypeError('card.data is an object')
  }
  return response
}
