import type { InboundEventKind } from '../protocol/model/inbound-event.ts'
import { type AnyHandler, HANDLER_NAMES } from './define-handler.ts'

export type HandlerTable = ReadonlyMap<InboundEventKind, AnyHandler>

/**
 * Reads a handler, as a module exports it by default or a host gives it: a function for messages, or an object of
 * functions. Throws what the author should read; a name that means nothing is a mistake, since its events would be
 * ignored in silence.
 */
export function toHandlerTable(exported: unknown): HandlerTable {
  if (typeof exported === 'function') return new Map([['message', exported as AnyHandler]])
  if (typeof exported !== 'object' || exported === null) {
    throw new TypeError('it is not a function, and not an object of functions')
  }
  const kinds = new Map(Object.entries(HANDLER_NAMES).map(([kind, name]) => [name, kind as InboundEventKind]))
  const table = new Map<InboundEventKind, AnyHandler>()
  for (const [name, handler] of Object.entries(exported) as [string, unknown][]) {
    const kind = kinds.get(name as (typeof HANDLER_NAMES)[InboundEventKind])
    if (kind === undefined) throw new TypeError(`"${name}" is none of ${[...kinds.keys()].join(', ')}`)
    if (handler === undefined) continue
    if (typeof handler !== 'function') throw new TypeError(`"${name}" is not a function`)
    table.set(kind, handler as AnyHandler)
  }
  if (table.size === 0) throw new TypeError(`it has none of ${[...kinds.keys()].join(', ')}`)
  return table
}
