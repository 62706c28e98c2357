import { asObject } from '../../src/core/as-object.ts'
import type { CardResponse, CardToast } from '../../src/protocol/model/inbound-event.ts'

const TOAST_TYPES: readonly unknown[] = ['info', 'success', 'error', 'warning'] satisfies CardToast['type'][]

/** Largest answer. Feishu accepts cards of about 30 KB; the rest is room for the fields around the card. */
const MAX_BYTES = 100_000

/**
 * Reads the return value of a card handler; undefined if there is none. The errors are for the author of the handler:
 * Feishu would show the user only an error number. The result is plain JSON, because it crosses threads.
 */
export function toCardResponse(returned: unknown): CardResponse | undefined {
  if (returned === undefined || returned === null) return undefined
  if (typeof returned !== 'object' || Array.isArray(returned)) {
    throw new TypeError('a card handler must return nothing, or an object with toast, card or both')
  }
  const json = JSON.stringify(returned)
  if (Buffer.byteLength(json) > MAX_BYTES) throw new RangeError(`the answer to a card has more than ${MAX_BYTES} bytes`)
  const response = JSON.parse(json) as Readonly<Record<string, unknown>>
  const { toast, card } = response
  if (toast !== undefined) {
    const { type, content } = asObject(toast)
    if (!TOAST_TYPES.includes(type)) throw new TypeError('toast.type: expected info, success, error or warning')
    if (typeof content !== 'string' || content === '')
      throw new TypeError('toast.content: expected a text that is not empty')
  }
  if (card !== undefined) {
    const { type, data } = asObject(card)
    if (type !== 'raw' && type !== 'template') throw new TypeError('card.type: expected raw or template')
    if (typeof data !== 'object' || data === null || Array.isArray(data))
      throw new TypeError('card.data: expected an object')
  }
  return response
}
