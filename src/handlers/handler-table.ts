import type { InboundEventKind } from '../protocol/model/inbound-event.ts'
import { type AnyHandler, HANDLER_NAMES } from './define-handler.ts'

export type HandlerTable = ReadonlyMap<InboundEventKind, AnyHandler>

/**
 * Reads a handler: the default export of a module, or a value from the host. Valid are a function for messages and an
 * object of functions. The errors are for the author of the handler. An unknown name is an error, because its events
 * would be ignored silently.
 */
export function toHandlerTable(exported: unknown): HandlerTable {
  if (typeof exported === 'function') return new Map([['message', exported as AnyHandler]])
  if (typeof exported !== 'object' || exported === null) {
    throw new TypeError('expected a function or an object of functions')
  }
  const kinds = new Map(Object.entries(HANDLER_NAMES).map(([kind, name]) => [name, kind as InboundEventKind]))
  const table = new Map<InboundEventKind, AnyHandler>()
  for (const [name, handler] of Object.entries(exported) as [string, unknown][]) {
    const kind = kinds.get(name as (typeof HANDLER_NAMES)[InboundEventKind])
    if (kind === undefined) throw new TypeError(`"${name}" is unknown: use ${[...kinds.keys()].join(', ')}`)
    if (handler === undefined) continue
    if (typeof handler !== 'function') throw new TypeError(`"${name}" is not a function`)
    table.set(kind, handler as AnyHandler)
  }
  if (table.size === 0) throw new TypeError(`expected at least one of ${[...kinds.keys()].join(', ')}`)
  return table
}
