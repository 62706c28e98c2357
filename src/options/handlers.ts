import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { z } from 'zod'
import { errorText, FeishuSupervisorError } from '../core/errors.ts'
import type { ChatHandler, ChatHandlers } from '../handlers/define-handler.ts'
import { type HandlerTable, toHandlerTable } from '../handlers/handler-table.ts'
import { DEFAULT_HANDLER, HANDLER_NAME, type HandlerRef } from '../protocol/chat.ts'

/**
 * Who answers: the built-in `echo`; the path of a module whose default export is a handler, which runs in the
 * chat pool; or a function, or an object with one function per kind of event, which runs on your own thread.
 */
export type HandlerOption = string | ChatHandler | ChatHandlers

export const handlerOption = z.custom<HandlerOption>(
  (value) => value !== '' && ['string', 'function', 'object'].includes(typeof value),
  'expected "echo", the path of a module, or a function',
)

export const handlersOption = z.record(
  z
    .string()
    .regex(HANDLER_NAME, 'a name is 1 to 64 letters, digits, _ or -')
    .refine((name) => name !== DEFAULT_HANDLER, `"${DEFAULT_HANDLER}" is the option handler`),
  handlerOption,
)

export interface ResolvedHandlers {
  /** What crosses into the supervisor thread. */
  readonly refs: Readonly<Record<string, HandlerRef>>
  /** The functions stay here. */
  readonly tables: ReadonlyMap<string, HandlerTable>
}

/** Throws `CONFIG_INVALID`, naming the field. */
export function resolveHandlers(
  handler: HandlerOption,
  others: Readonly<Record<string, HandlerOption>>,
): ResolvedHandlers {
  const refs: Record<string, HandlerRef> = {}
  const tables = new Map<string, HandlerTable>()
  for (const [name, option] of Object.entries({ [DEFAULT_HANDLER]: handler, ...others })) {
    const field = name === DEFAULT_HANDLER ? 'handler' : `handlers.${name}`
    if (typeof option === 'string') {
      refs[name] = moduleOrBuiltIn(field, option)
      continue
    }
    const table = tableOf(field, option)
    tables.set(name, table)
    refs[name] = { kind: 'host', name, kinds: [...table.keys()] }
  }
  return { refs, tables }
}

function moduleOrBuiltIn(field: string, handler: string): HandlerRef {
  if (handler === 'echo') return { kind: 'builtin', name: 'echo' }
  const path = resolve(handler)
  if (existsSync(path)) return { kind: 'module', path }
  throw invalid(
    field,
    `there is no file ${path}; give the path of a module whose default export is a chat handler, or "echo"`,
  )
}

function tableOf(field: string, option: ChatHandler | ChatHandlers): HandlerTable {
  try {
    return toHandlerTable(option)
  } catch (thrown) {
    throw invalid(field, errorText(thrown))
  }
}

function invalid(field: string, text: string): FeishuSupervisorError {
  return new FeishuSupervisorError('CONFIG_INVALID', `${field}: ${text}`)
}
